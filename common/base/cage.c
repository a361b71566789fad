/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cage.c - what a daemon gives up when it has started, wall by wall.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/cage.h"
#include "common/base/cage_internal.h"

/* Sanitizers read /proc, start processes and trace them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAVE_SANITIZER 1
#else
#define HAVE_SANITIZER 0
#endif

static void tell(struct cage_state *st, const char *fmt, ...) ATTR_PRINTF(2, 3);

static void
tell(struct cage_state *st, const char *fmt, ...)
{
	size_t len = strlen(st->text);
	va_list ap;

	if (len > 0)
		len += (size_t)snprintf(
		    st->text + len, sizeof(st->text) - len, ", ");
	if (len >= sizeof(st->text))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(st->text + len, sizeof(st->text) - len, fmt, ap);
	va_end(ap);
}

static void
lacks(struct cage_state *st, const char *what, const char *why)
{
	st->is_whole = false;
	tell(st, "no %s (%s)", what, why);
}

/* Passwords are in our memory. */
static void
drop_core(struct cage_state *st)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0)
		lacks(st, "end of core dumps", strerrordesc_np(errno));
	else
		tell(st, "core dumps off");
}

/* A root that stays root, as its state folder is root's, keeps the name. */
static void
drop_capabilities(struct cage_state *st)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &head, none) < 0)
		lacks(st, "end of privileges", strerrordesc_np(errno));
	else
		tell(st, "privileges off");
}

static void
wall_files(const struct conf *conf, const char *listen, struct cage_state *st)
{
	struct cage_rules rules;
	const char *why;
	int version;

	cage_rules_init(&rules, conf, listen);
	if (cage_landlock(&rules, &version, &why) < 0)
		lacks(st, "wall around files", why);
	else
		tell(st, "files by Landlock %d", version);
	cage_rules_clear(&rules);
}

static void
wall_calls(struct cage_state *st)
{
	const char *why;

	if (cage_seccomp(&why) < 0)
		lacks(st, "wall around system calls", why);
	else
		tell(st, "system calls by seccomp");
}

void
cage_close(
    const struct conf *conf, const char *listen, struct cage_state *state)
{
	*state = (struct cage_state){ .is_whole = true };
	if (!conf->intake.cage) {
		tell(state, "off, as [intake] cage says");
		return;
	}
	if (HAVE_SANITIZER) {
		tell(state, "off, this build has a sanitizer");
		return;
	}
	drop_core(state);
	drop_capabilities(state);
	wall_files(conf, listen, state);
	wall_calls(state); /* the last: it allows none of the others */
}
