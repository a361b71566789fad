/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen.h - the sockets that a daemon listens on, and who may connect.
 */
#ifndef BASE_LISTEN_H
#define BASE_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "common/base/conf.h"
#include "common/base/err.h"

#define LISTEN_MAX 8
#define LISTEN_PEER_SIZE 80

struct listener {
	int fd[LISTEN_MAX]; /* owned, non-blocking */
	size_t count;
	char *path; /* owned; of our unix socket, NULL when there is none */
	dev_t device;
	ino_t inode;
	pid_t pid; /* who made it */
};

/* Who may use a unix socket; NULL keeps what the process has. */
struct listen_rights {
	const char *owner, *group;
	mode_t mode;
};

/*
 * Listen on where: "unix:/path", "inet:host:port", "inet:[::1]:24"; the host
 * "*" is every address. Sockets that systemd hands over come first, and where
 * is not looked at then. ERR_CONF: the operator must act; ERR_TEMP: somebody
 * else has it, or this machine has not got the address yet.
 */
int listen_open(struct listener *l, const char *where,
    const struct listen_rights *rights, struct err *e);

/*
 * Would this user be able to make the unix socket path, and is there who shall
 * own it? Nothing is changed, and a socket that is in use is good.
 */
int listen_check(
    const char *path, const struct listen_rights *rights, struct err *e);

/* Close, and unlink the unix socket if it is still ours. Can be repeated. */
void listen_close(struct listener *l);

/*
 * For a library that makes its socket itself: remove the dead unix socket of
 * an earlier run before, say who may connect afterwards, and the kind when it
 * fails with this errno.
 */
int listen_clear_way(const char *path, struct err *e);
int listen_set_rights(
    const char *path, const struct listen_rights *rights, struct err *e);
enum err_kind listen_err_kind(int errnum);

/* Is each of these "192.0.2.0/24", "2001:db8::/32" or a plain address? */
int listen_check_networks(const struct conf_list *networks, struct err *e);

/* Is from inside one of them? Always, for a unix socket. */
bool listen_peer_is_in(
    const struct conf_list *networks, const struct sockaddr *from);

/* "192.0.2.1", "2001:db8::1" or "unix", for the log. */
void listen_peer_name(const struct sockaddr *from, char name[LISTEN_PEER_SIZE]);

#endif
