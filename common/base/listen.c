/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen.c - the sockets that a daemon listens on, and who may connect.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "common/base/buf.h"
#include "common/base/listen.h"

/* The bits of a mode that a socket can have. */
#define MODE_BITS 0777

#define GROUP_BYTES 1024
#define GROUP_BYTES_MAX (16 * 1024 * 1024)

#ifdef HAVE_SYSTEMD
static int
set_nonblocking(int fd, struct err *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_set_errno(e, "listen: socket");
	return 0;
}

/* 1: *l has the sockets of systemd; 0: there are none. */
static int
take_activated(struct listener *l, struct err *e)
{
	int i, n = sd_listen_fds(1);

	if (n <= 0)
		return 0;
	if (n > LISTEN_MAX)
		return err_set(e, ERR_CONF,
		    "listen: %d sockets from systemd, "
		    "at most %d",
		    n, LISTEN_MAX);
	for (i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
			return err_set(e, ERR_CONF,
			    "listen: socket %d from systemd is no listening "
			    "stream socket",
			    i);
		if (set_nonblocking(fd, e) < 0)
			return -1;
		l->fd[l->count++] = fd;
	}
	return 1;
}
#else
static int
take_activated(struct listener *l, struct err *e)
{
	(void)l;
	(void)e;
	return 0;
}
#endif

static int
unix_address(const char *path, struct sockaddr_un *sun, struct err *e)
{
	size_t len = strlen(path);

	if (*path != '/')
		return err_set(e, ERR_CONF,
		    "listen: unix:%s: the path must start with /", path);
	if (len >= sizeof(sun->sun_path))
		return err_set(e, ERR_CONF,
		    "listen: %s: a socket's path has at most %zu bytes", path,
		    sizeof(sun->sun_path) - 1);
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, path, len + 1);
	return 0;
}

enum err_kind
listen_err_kind(int errnum)
{
	/* another process ends, an interface comes up */
	return errnum == EADDRINUSE || errnum == EADDRNOTAVAIL ? ERR_TEMP
							       : ERR_CONF;
}

/* Does nobody listen on this socket any more? */
static bool
is_stale(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool stale;

	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0 &&
		errno == ECONNREFUSED;
	(void)close(fd);
	return stale;
}

/* 1: there is a socket; 0: there is nothing. */
static int
find_socket(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0; /* bind will say what is wrong, if anything is */
	if (!S_ISSOCK(st.st_mode))
		return err_set(
		    e, ERR_CONF, "listen: %s: exists and is no socket", path);
	return 1;
}

/* Only the dead socket of an earlier run may be removed. */
static int
clear_way(const struct sockaddr_un *sun, struct err *e)
{
	const char *path = sun->sun_path;
	int rc = find_socket(path, e);

	if (rc <= 0)
		return rc;
	if (!is_stale(sun))
		return err_set(
		    e, ERR_TEMP, "listen: %s: another process uses it", path);
	if (unlink(path) < 0 && errno != ENOENT) {
		err_set_errno(e, "listen: %s: cannot remove old socket", path);
		e->kind = ERR_CONF;
		return -1;
	}
	return 0;
}

static int
uid_of(const char *name, uid_t *uid, struct err *e)
{
	struct passwd pw, *found = NULL;
	char room[4096];

	(void)getpwnam_r(name, &pw, room, sizeof(room), &found);
	if (found == NULL)
		return err_set(e, ERR_CONF, "listen: no user %s", name);
	*uid = pw.pw_uid;
	return 0;
}

/* All members of a group stand in its entry, and they may be thousands. */
static int
gid_of(const char *name, gid_t *gid, struct err *e)
{
	struct group gr, *found = NULL;
	size_t size = GROUP_BYTES;
	char *room = NULL;
	int rc;

	do {
		size *= 4;
		room = xrealloc(room, size);
		rc = getgrnam_r(name, &gr, room, size, &found);
	} while (rc == ERANGE && size < GROUP_BYTES_MAX);
	if (found != NULL)
		*gid = gr.gr_gid;
	free(room);
	return found != NULL
		   ? 0
		   : err_set(e, ERR_CONF, "listen: no group %s", name);
}

static int
owner_of(
    const struct listen_rights *rights, uid_t *uid, gid_t *gid, struct err *e)
{
	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	if (rights->owner != NULL && uid_of(rights->owner, uid, e) < 0)
		return -1;
	if (rights->group != NULL && gid_of(rights->group, gid, e) < 0)
		return -1;
	return 0;
}

/* Nobody can connect before listen(), so nobody sees other rights. */
int
listen_set_rights(
    const char *path, const struct listen_rights *rights, struct err *e)
{
	uid_t uid;
	gid_t gid;

	if (owner_of(rights, &uid, &gid, e) < 0)
		return -1;
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) &&
	    lchown(path, uid, gid) < 0)
		return err_set_errno(e, "listen: %s: cannot set owner", path);
	if (chmod(path, rights->mode & MODE_BITS) < 0)
		return err_set_errno(e, "listen: %s: cannot set mode", path);
	return 0;
}

int
listen_clear_way(const char *path, struct err *e)
{
	struct sockaddr_un sun;

	return unix_address(path, &sun, e) < 0 ? -1 : clear_way(&sun, e);
}

/* By errno, of bind or of what foretells it. */
static int
cannot_bind(const char *path, struct err *e)
{
	enum err_kind kind = listen_err_kind(errno);

	if (errno == ENOENT)
		return err_set(e, ERR_CONF,
		    "listen: %s: the folder is missing; make it first", path);
	err_set_errno(e, "listen: %s", path);
	e->kind = kind;
	return -1;
}

int
listen_check(
    const char *path, const struct listen_rights *rights, struct err *e)
{
	struct sockaddr_un sun;
	uid_t uid;
	gid_t gid;
	char *folder;
	int rc;

	if (unix_address(path, &sun, e) < 0 ||
	    owner_of(rights, &uid, &gid, e) < 0 ||
	    (rc = find_socket(path, e)) < 0)
		return -1;
	if (rc == 1 && !is_stale(&sun))
		return 0; /* systemd's may lie where we could make none */
	folder = xasprintf("%.*s/", (int)(strrchr(path, '/') - path), path);
	rc = access(folder, W_OK | X_OK);
	if (rc < 0)
		cannot_bind(path, e);
	free(folder);
	return rc;
}

/* Remember which file it is: a later process may put its own there. */
static void
remember(struct listener *l, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return;
	l->path = xstrdup(path);
	l->device = st.st_dev;
	l->inode = st.st_ino;
	l->pid = getpid();
}

static int
open_unix(struct listener *l, const char *path,
    const struct listen_rights *rights, struct err *e)
{
	struct sockaddr_un sun;
	int fd;

	if (unix_address(path, &sun, e) < 0 || clear_way(&sun, e) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set_errno(e, "listen: socket");
	l->fd[l->count++] = fd;
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return cannot_bind(path, e);
	remember(l, path);
	if (listen_set_rights(path, rights, e) < 0)
		return -1;
	if (listen(fd, SOMAXCONN) < 0)
		return err_set_errno(e, "listen: %s", path);
	return 0;
}

/* "host:port" or "[host]:port"; the host may hold colons without brackets. */
static int
split_host_port(const char *text, char **host, char **port, struct err *e)
{
	const char *colon = strrchr(text, ':');
	size_t len;

	if (colon == NULL || colon[1] == '\0') {
		err_set(e, ERR_CONF,
		    "listen: inet:%s: host and port are needed, as in "
		    "inet:127.0.0.1:24",
		    text);
		return -1;
	}
	len = (size_t)(colon - text);
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len == 0) {
		err_set(e, ERR_CONF,
		    "listen: inet::%s: name a host, or * for all addresses",
		    colon + 1);
		return -1;
	}
	*host = xstrndup(text, len);
	*port = xstrdup(colon + 1);
	return 0;
}

/* The socket, or -1 with errno. */
static int
bind_inet(const struct addrinfo *ai)
{
	int on = 1, fd, saved;

	fd = socket(
	    ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		(void)setsockopt(
		    fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
	    listen(fd, SOMAXCONN) == 0)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

/* Every address of the host; those that this machine lacks are left out. */
static int
bind_all(struct listener *l, const struct addrinfo *ai, const char *where,
    struct err *e)
{
	int fd, lacking = EADDRNOTAVAIL;

	for (; ai != NULL && l->count < LISTEN_MAX; ai = ai->ai_next) {
		if ((fd = bind_inet(ai)) >= 0) {
			l->fd[l->count++] = fd;
			continue;
		}
		lacking = errno;
		if (lacking != EADDRNOTAVAIL && lacking != EAFNOSUPPORT)
			break;
	}
	if (l->count > 0 &&
	    (lacking == EADDRNOTAVAIL || lacking == EAFNOSUPPORT))
		return 0;
	errno = lacking;
	err_set_errno(e, "listen: inet:%s", where);
	e->kind = listen_err_kind(lacking);
	return -1;
}

static int
open_inet(struct listener *l, const char *where, struct err *e)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE };
	struct addrinfo *found = NULL;
	char *host = NULL, *port = NULL;
	int rc;

	if (split_host_port(where, &host, &port, e) < 0)
		return -1;
	rc = getaddrinfo(
	    strcmp(host, "*") == 0 ? NULL : host, port, &hints, &found);
	free(host);
	free(port);
	if (rc != 0)
		return err_set(e, ERR_CONF, "listen: inet:%s: %s", where,
		    gai_strerror(rc));
	rc = bind_all(l, found, where, e);
	freeaddrinfo(found);
	return rc;
}

int
listen_open(struct listener *l, const char *where,
    const struct listen_rights *rights, struct err *e)
{
	int rc;

	*l = (struct listener){ 0 };
	if ((rc = take_activated(l, e)) != 0)
		rc = rc > 0 ? 0 : -1;
	else if (strncmp(where, "unix:", 5) == 0)
		rc = open_unix(l, where + 5, rights, e);
	else if (strncmp(where, "inet:", 5) == 0)
		rc = open_inet(l, where + 5, e);
	else
		rc = err_set(e, ERR_CONF,
		    "listen: %s: neither unix:/path nor inet:host:port", where);
	if (rc < 0)
		listen_close(l);
	return rc;
}

void
listen_close(struct listener *l)
{
	struct stat st;

	/* first the name, then the socket: whoever connects in between must
	 * not wait in a queue that nobody serves */
	if (l->path != NULL && l->pid == getpid() && lstat(l->path, &st) == 0 &&
	    st.st_dev == l->device && st.st_ino == l->inode)
		(void)unlink(l->path);
	free(l->path);
	l->path = NULL;
	while (l->count > 0)
		(void)close(l->fd[--l->count]);
}
