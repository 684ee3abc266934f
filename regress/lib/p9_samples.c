/* SPDX-License-Identifier: ISC */
/*
 * One table: the fields of every request type of the 9p-proxy protocol, with
 * harmless values. Test code.
 */
#include "p9_samples.h"

#include <fcntl.h>
#include <sys/stat.h>

/*
 * Fields: p the path with its NUL, n the path as a name, o the other name,
 * x an xattr's name, v its value of 5 bytes; d a number of 32 bits, q one of
 * 64 bits, both from the column beside, in order. QEMU gives four numbers to
 * T_CREATE and T_UTIME, fewer to all others.
 */
static const struct {
	const char	*fields;
	uint64_t	number[4];
	int		writes;
} sample[P9_TYPE_END] = {
	[P9_OPEN] = { "pd", { O_RDONLY }, 0 },
	[P9_CREATE] = { "ndddd", { O_CREAT | O_RDWR, 0640, 1000, 1000 }, 1 },
	[P9_MKNOD] = { "ddndq", { 1000, 1000, S_IFIFO | 0640, 0 }, 1 },
	[P9_MKDIR] = { "ddnd", { 1000, 1000, S_IFDIR | 0750 }, 1 },
	[P9_SYMLINK] = { "ddon", { 1000, 1000 }, 1 },
	[P9_LINK] = { "po", { 0 }, 1 },
	[P9_LSTAT] = { "p", { 0 }, 0 },
	[P9_READLINK] = { "pd", { 4096 }, 0 },
	[P9_STATFS] = { "p", { 0 }, 0 },
	[P9_CHMOD] = { "pd", { S_IFREG | 0640 }, 1 },
	[P9_CHOWN] = { "pdd", { 1000, 1000 }, 1 },
	[P9_TRUNCATE] = { "pq", { 3 }, 1 },
	[P9_UTIME] = { "pqqqq", { 1000, 1, 2000, 2 }, 1 },
	[P9_RENAME] = { "no", { 0 }, 1 },
	[P9_REMOVE] = { "n", { 0 }, 1 },
	[P9_LGETXATTR] = { "dpx", { 100 }, 0 },
	[P9_LLISTXATTR] = { "dp", { 1000 }, 0 },
	[P9_LSETXATTR] = { "pxvdd", { 5, 0 }, 1 },
	[P9_LREMOVEXATTR] = { "px", { 0 }, 1 },
	[P9_GETVERSION] = { "p", { 0 }, 0 },
};

void
p9_sample(struct p9_msg *m, uint32_t type, const char *path,
    const char *other)
{
	const uint64_t *number = sample[type].number;

	p9_msg_start(m, type);
	for (const char *f = sample[type].fields; *f != '\0'; f++) {
		switch (*f) {
		case 'p':
			p9_msg_path(m, path);
			break;
		case 'n':
			p9_msg_name(m, path);
			break;
		case 'o':
			p9_msg_name(m, other);
			break;
		case 'x':
			p9_msg_name(m, "user.sample");
			break;
		case 'v':
			p9_msg_bytes(m, "value", 5);
			break;
		case 'd':
			p9_msg_u32(m, (uint32_t)*number++);
			break;
		case 'q':
			p9_msg_u64(m, *number++);
			break;
		}
	}
	p9_msg_finish(m);
}

int
p9_sample_writes(uint32_t type)
{
	return sample[type].writes;
}
