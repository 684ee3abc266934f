/*
 * SPDX-License-Identifier: ISC
 *
 * Maps of ids, of options and of the kernel's.  Runs with the rights of who
 * started the daemon, before anything hostile is read.
 */
#include "config.h"

#include "sandbox/sandbox.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#define NAMESPACE_FORM	"is no map like :0:1000:1: (the first id inside, " \
			"the first id outside, how many)"

/* Reads a number that `end` must follow, and passes both. */
static bool
namespace_parse_number(const char **text, char end, uint32_t *out)
{
	unsigned long value;
	char *stop;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	value = strtoul(*text, &stop, 10);
	if (errno != 0 || value >= UINT32_MAX || *stop != end)
		return false;
	*out = (uint32_t)value;
	*text = stop + 1;
	return true;
}

/* Whatever comes first is what separates, as in the Rust virtiofsd. */
static bool
namespace_parse_range(const char **text, struct namespace_range *range)
{
	char separator = **text;

	if (separator == '\0' || isalnum((unsigned char)separator))
		return false;
	++*text;
	return namespace_parse_number(text, separator, &range->inside) &&
	    namespace_parse_number(text, separator, &range->outside) &&
	    namespace_parse_number(text, separator, &range->count) &&
	    range->count > 0 &&
	    range->count <= UINT32_MAX - range->inside &&
	    range->count <= UINT32_MAX - range->outside;
}

static bool
namespace_overlap(uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count)
{
	return a < b ? b - a < a_count : a - b < b_count;
}

/* Returns what is wrong with one more range, or NULL once it is added. */
static const char *
namespace_add_range(struct namespace_map *map,
    const struct namespace_range *new)
{
	const struct namespace_range *old;
	size_t i;

	for (i = 0; i < map->n; i++) {
		old = &map->range[i];
		if (namespace_overlap(old->inside, old->count, new->inside,
		    new->count))
			return "overlaps a range that was given before, in "
			    "its ids inside: give each id inside once";
		if (namespace_overlap(old->outside, old->count, new->outside,
		    new->count))
			return "overlaps a range that was given before, in "
			    "its ids outside: give each id outside once";
	}
	if (map->n == NAMESPACE_RANGES_MAX)
		return "is one range too many: there may be 16";
	map->range[map->n++] = *new;
	return NULL;
}
_Static_assert(NAMESPACE_RANGES_MAX == 16, "is in a message");

const char *
namespace_map_add(struct namespace_map *map, const char *value)
{
	struct namespace_range range;
	const char *wrong;

	do {
		if (!namespace_parse_range(&value, &range))
			return NAMESPACE_FORM;
		wrong = namespace_add_range(map, &range);
		if (wrong != NULL)
			return wrong;
	} while (*value++ == ',');
	return value[-1] == '\0' ? NULL : NAMESPACE_FORM;
}

bool
namespace_map_has(const struct namespace_map *map, uint32_t inside)
{
	size_t i;

	for (i = 0; i < map->n; i++)
		if (inside >= map->range[i].inside &&
		    inside - map->range[i].inside < map->range[i].count)
			return true;
	return false;
}

bool
namespace_map_is_whole(const struct namespace_map *map)
{
	return map->n == 1 && map->range[0].inside == 0 &&
	    map->range[0].outside == 0 && map->range[0].count == UINT32_MAX;
}

uint32_t
namespace_map_spare(const struct namespace_map *map, uint32_t own)
{
	uint32_t last, spare = (uint32_t)-1;
	size_t i;

	for (i = 0; i < map->n; i++) {
		last = map->range[i].inside + (map->range[i].count - 1);
		if (last == own && map->range[i].count > 1)
			last--;
		if (last != own && (spare == (uint32_t)-1 || last > spare))
			spare = last;
	}
	return spare;
}

int
namespace_map_read(const char *file, struct namespace_map *map)
{
	struct namespace_range *range;
	int error = 0;
	FILE *f;

	map->n = 0;
	f = fopen(file, "re");
	if (f == NULL) {
		error = -errno;
		log_error("sandbox: %s: %s (is /proc mounted?)", file,
		    strerror(errno));
		return error;
	}
	while (map->n < NAMESPACE_RANGES_MAX) {
		range = &map->range[map->n];
		if (fscanf(f, "%" SCNu32 " %" SCNu32 " %" SCNu32,
		    &range->inside, &range->outside, &range->count) != 3)
			break;
		if (range->count > 0)
			map->n++;
	}
	fclose(f);
	return 0;
}

bool
namespace_groups_stay(void)
{
	char word[8] = "";
	FILE *f;

	if (getgroups(0, NULL) == 0)
		return false;
	f = fopen("/proc/self/setgroups", "re");
	if (f == NULL)
		return false;
	if (fgets(word, sizeof(word), f) == NULL)
		word[0] = '\0';
	fclose(f);
	return strncmp(word, "deny", 4) == 0;
}
