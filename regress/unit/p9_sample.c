/*
 * SPDX-License-Identifier: ISC
 *
 * Good requests, and the judge of replies.  Only for tests.  The sizes and
 * forms are spelled out a second time here, on purpose.
 */
#include "config.h"

#include "p9_sample.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "worker/writer.h"

static void
write_string(struct writer *writer, const char *string, size_t len)
{
	writer_u16(writer, (uint16_t)len);
	writer_bytes(writer, string, len);
}

void
p9_sample_make(struct p9_sample *sample, uint32_t type, const char *format,
    ...)
{
	struct writer writer;
	const char *string;
	ssize_t len;
	va_list ap;

	sample->type = type;
	writer_init(&writer, sample->bytes, sizeof(sample->bytes));
	va_start(ap, format);
	for (; *format != '\0'; format++) {
		switch (*format) {
		case 'd':
			writer_u32(&writer, va_arg(ap, uint32_t));
			break;
		case 'q':
			writer_u64(&writer, va_arg(ap, uint64_t));
			break;
		default:
			string = va_arg(ap, const char *);
			write_string(&writer, string, strlen(string) +
			    (*format == 'z'));
			break;
		}
	}
	va_end(ap);
	len = writer_end(&writer);
	if (len < 0)
		abort();
	sample->len = (size_t)len;
}

static void
good_file(struct p9_sample *s, uint32_t type)
{
	const uint32_t mode = S_IFREG | 0644;

	switch (type) {
	case P9_T_OPEN:
		p9_sample_make(s, type, "zd", "//dir/file", O_RDWR);
		break;
	case P9_T_CREATE:
		p9_sample_make(s, type, "sdddd", "//dir/file",
		    O_CREAT | O_EXCL | O_RDWR, mode & 07777, 1000, 1001);
		break;
	case P9_T_MKNOD:
		p9_sample_make(s, type, "ddsdq", 0, 1234, "//dir/file", mode,
		    UINT64_C(0));
		break;
	case P9_T_MKDIR:
		p9_sample_make(s, type, "ddsd", 1000, 1001, "//dir/sub",
		    S_IFDIR | 02755);
		break;
	case P9_T_SYMLINK:
		p9_sample_make(s, type, "ddss", 1000, 1001, "../else/where",
		    "//dir/link");
		break;
	case P9_T_LINK:
		p9_sample_make(s, type, "zs", "//dir/file", "//other/name");
		break;
	case P9_T_RENAME:
		p9_sample_make(s, type, "ss", "//dir/file", "//other/name");
		break;
	default:
		p9_sample_make(s, type, "s", "//dir/file");
		break;
	}
}

static void
good_attribute(struct p9_sample *s, uint32_t type)
{
	switch (type) {
	case P9_T_READLINK:
		p9_sample_make(s, type, "zd", "//dir/link", 4096);
		break;
	case P9_T_CHMOD:
		p9_sample_make(s, type, "zd", "//dir/file", S_IFREG | 04711);
		break;
	case P9_T_CHOWN:
		p9_sample_make(s, type, "zdd", "//dir/file", 1000, UINT32_MAX);
		break;
	case P9_T_TRUNCATE:
		p9_sample_make(s, type, "zq", "//dir/file", UINT64_C(4096));
		break;
	case P9_T_UTIME:
		p9_sample_make(s, type, "zqqqq", "//dir/file",
		    UINT64_C(1000000000), UINT64_C(5), UINT64_C(1000000001),
		    UINT64_C(6));
		break;
	case P9_T_LGETXATTR:
		p9_sample_make(s, type, "dzs", 64, "//dir/file", "user.test");
		break;
	case P9_T_LLISTXATTR:
		p9_sample_make(s, type, "dz", 64, "//dir/file");
		break;
	case P9_T_LSETXATTR:
		p9_sample_make(s, type, "zssdd", "//dir/file", "user.test",
		    "value", 5, 0);
		break;
	case P9_T_LREMOVEXATTR:
		p9_sample_make(s, type, "zs", "//dir/file", "user.test");
		break;
	default:
		p9_sample_make(s, type, "z", "//dir/file");
		break;
	}
}

void
p9_sample_good(struct p9_sample *sample, uint32_t type)
{
	if (type <= P9_T_LINK || type == P9_T_RENAME || type == P9_T_REMOVE)
		good_file(sample, type);
	else
		good_attribute(sample, type);
}

static uint32_t
word_at(const uint8_t *bytes, size_t at)
{
	uint32_t word;

	memcpy(&word, bytes + at, sizeof(word));
	return word;
}

static bool
is_descriptor_form(uint32_t type)
{
	return type == P9_T_OPEN || type == P9_T_CREATE;
}

int
p9_sample_error(const struct p9_reply *reply, uint32_t type)
{
	if (is_descriptor_form(type))
		return reply->fd == -1 ? (int)word_at(reply->bytes, 0) : 0;
	if (word_at(reply->bytes, 0) == P9_T_SUCCESS)
		return 0;
	return (int)word_at(reply->bytes, P9_HEADER_SIZE);
}

static bool
is_error(uint32_t word)
{
	return (int32_t)word < 0 && (int32_t)word >= -4095;
}

static const char *
check_descriptor_form(const struct p9_reply *reply)
{
	if (reply->len != 4)
		return "descriptor form: not 4 bytes";
	if (reply->fd != -1)
		return word_at(reply->bytes, 0) == 0x7fffffff ? NULL :
		    "a descriptor without its word";
	return is_error(word_at(reply->bytes, 0)) ? NULL :
	    "descriptor form: a number that QEMU takes for a descriptor";
}

/* The size that the client gave, whatever else is wrong with its message. */
static uint32_t
client_size(uint32_t type, const uint8_t *payload, size_t len)
{
	size_t at = type == P9_T_READLINK ? len - 4 : 0;

	return len < 4 ? 0 : word_at(payload, at);
}

static const char *
check_string(const struct p9_reply *reply, size_t limit)
{
	size_t size = reply->len - P9_HEADER_SIZE;
	uint16_t len;

	if (size < sizeof(len))
		return "string: no length";
	memcpy(&len, reply->bytes + P9_HEADER_SIZE, sizeof(len));
	if (len != size - sizeof(len))
		return "string: another length than the reply's";
	return len <= limit ? NULL : "string: longer than asked for";
}

static const char *
check_success(const struct p9_reply *reply, uint32_t type,
    const uint8_t *payload, size_t len)
{
	size_t size = reply->len - P9_HEADER_SIZE;
	uint32_t limit = client_size(type, payload, len);

	switch (type) {
	case P9_T_LSTAT:
		return size == 116 ? NULL : "T_LSTAT: not 116 bytes";
	case P9_T_STATFS:
		return size == 88 ? NULL : "T_STATFS: not 88 bytes";
	case P9_T_GETVERSION:
		return size == 8 ? NULL : "T_GETVERSION: not 8 bytes";
	case P9_T_READLINK:
		return limit == 0 ? "T_READLINK: success for size 0" :
		    check_string(reply, limit > 4096 ? 4095 : limit - 1);
	case P9_T_LGETXATTR:
	case P9_T_LLISTXATTR:
		if (limit > 0)
			return check_string(reply, limit);
		break;
	}
	if (size != 4)
		return "status: not 4 bytes";
	return (int32_t)word_at(reply->bytes, P9_HEADER_SIZE) >= 0 ? NULL :
	    "status: a negative success";
}

const char *
p9_sample_check(const struct p9_reply *reply, uint32_t type,
    const uint8_t *payload, size_t len)
{
	if (is_descriptor_form(type))
		return check_descriptor_form(reply);
	if (reply->fd != -1)
		return "a descriptor with a header";
	if (reply->len < P9_HEADER_SIZE)
		return "less than a header";
	if (word_at(reply->bytes, 4) != reply->len - P9_HEADER_SIZE)
		return "a size that is not the payload's";
	if (word_at(reply->bytes, 0) == P9_T_SUCCESS)
		return check_success(reply, type, payload, len);
	if (word_at(reply->bytes, 0) != P9_T_ERROR)
		return "neither success nor error";
	return reply->len == P9_HEADER_SIZE + 4 &&
	    is_error(word_at(reply->bytes, P9_HEADER_SIZE)) ? NULL :
	    "not an error's form";
}
