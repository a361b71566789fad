/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - accept clients, one thread for each.
 * in: sockets (listen.c), signals (daemon.c)    out: sessions (session.c)
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/daemon.h"
#include "common/base/log.h"
#include "common/daemon_main.h"
#include "common/daemon_replay.h"
#include "lmtp/reply.h"
#include "lmtp/server.h"
#include "lmtp/session.h"

#define GRACE_S 5       /* beyond every budget, for the last replies */
#define PAUSE_MS 100    /* when the system has nothing left to accept with */
#define NOTICE_MS 1000  /* between two lines about the same trouble */
#define ACCEPT_BURST 64 /* then signals are looked at again */

struct server {
	struct lmtp_service service;
	const struct listener *listener; /* foreign */
	int signal_fd;                   /* foreign */
	int idle_fd;                     /* written when the last one ends */
	pthread_mutex_t lock;
	unsigned threads;  /* under lock: sessions and the replay */
	unsigned sessions; /* under lock */
	uint32_t next_id;
	int64_t notice_ms; /* when there may be the next line */
	uint64_t unnoticed;
};

struct client {
	struct server *server; /* foreign */
	int fd;
	char id[LMTP_SESSION_ID_SIZE];
};

static void
one_less(struct server *sr, bool is_session)
{
	uint64_t one = 1;

	pthread_mutex_lock(&sr->lock);
	sr->sessions -= is_session;
	if (--sr->threads == 0 && write(sr->idle_fd, &one, sizeof(one)) < 0)
		log_err("cannot tell the end: %m");
	pthread_mutex_unlock(&sr->lock);
}

static void
one_more(struct server *sr, bool is_session)
{
	pthread_mutex_lock(&sr->lock);
	sr->threads++;
	sr->sessions += is_session;
	pthread_mutex_unlock(&sr->lock);
}

static unsigned
count_of(struct server *sr, const unsigned *which)
{
	unsigned n;

	pthread_mutex_lock(&sr->lock);
	n = *which;
	pthread_mutex_unlock(&sr->lock);
	return n;
}

static int
start_thread(void *(*body)(void *), void *argument)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, body, argument);
	pthread_attr_destroy(&attr);
	return rc;
}

static void *
session_thread(void *argument)
{
	struct client *c = argument;
	struct server *sr = c->server;

	lmtp_session_run(&sr->service, c->fd, c->id);
	free(c);
	one_less(sr, true);
	return NULL;
}

/* Lines that a flood of clients would cause: one a second. */
static void
notice(struct server *sr, const char *what, const char *peer)
{
	int64_t now = clock_mono_ms();

	if (now < sr->notice_ms) {
		sr->unnoticed++;
		return;
	}
	if (sr->unnoticed > 0)
		log_warn("%s: %s (and %llu like it before)", peer, what,
		    (unsigned long long)sr->unnoticed);
	else
		log_warn("%s: %s", peer, what);
	sr->notice_ms = now + NOTICE_MS;
	sr->unnoticed = 0;
}

/* One line and the end. fd is non-blocking, and its buffer is empty. */
static void
turn_away(struct server *sr, int fd, enum lmtp_reply r, const char *peer)
{
	char line[128], input[512];
	int len = snprintf(line, sizeof(line), "%s\r\n", lmtp_reply_text(r));

	notice(sr, lmtp_reply_text(r), peer);
	(void)send(fd, line, (size_t)len, MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
	(void)recv(fd, input, sizeof(input), 0); /* no reset, if we can */
	(void)close(fd);
}

static void
start_session(struct server *sr, int fd, const char *peer)
{
	struct client *c = xcalloc(1, sizeof(*c));
	int rc;

	c->server = sr;
	c->fd = fd;
	(void)snprintf(c->id, sizeof(c->id), "%08x", sr->next_id++);
	log_debug("%s: %s", c->id, peer);
	one_more(sr, true);
	if ((rc = start_thread(session_thread, c)) == 0)
		return;
	log_err("cannot start a thread: error %d", rc);
	turn_away(sr, fd, LMTP_REPLY_TOO_MANY_CONNECTIONS, peer);
	free(c);
	one_less(sr, true);
}

/* Into a session, or away with it. */
static void
receive(struct server *sr, int fd, const struct sockaddr *from)
{
	struct conf *conf = pipeline_hold_conf(sr->service.pipeline);
	char peer[LISTEN_PEER_SIZE];
	int on = 1;

	listen_peer_name(from, peer);
	if (from->sa_family == AF_INET || from->sa_family == AF_INET6) {
		/* replies are gathered here: the kernel need not wait */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	}
	if (!listen_peer_is_in(&conf->lmtp.networks, from))
		turn_away(sr, fd, LMTP_REPLY_NETWORK, peer);
	else if (count_of(sr, &sr->sessions) >= conf->lmtp.connections)
		turn_away(sr, fd, LMTP_REPLY_TOO_MANY_CONNECTIONS, peer);
	else
		start_session(sr, fd, peer);
	conf_free(&conf);
}

static void
accept_some(struct server *sr, int listen_fd)
{
	struct sockaddr_storage from;
	socklen_t len;
	int fd, i;

	for (i = 0; i < ACCEPT_BURST; i++) {
		memset(&from, 0, sizeof(from));
		len = sizeof(from);
		fd = accept4(listen_fd, (struct sockaddr *)&from, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			receive(sr, fd, (struct sockaddr *)&from);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			notice(sr, strerrordesc_np(errno), "accept");
			(void)poll(NULL, 0, PAUSE_MS);
		}
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

/* Accept until the signal to stop. */
static void
serve(struct server *sr)
{
	struct pollfd p[1 + LISTEN_MAX];
	enum daemon_event ev;
	size_t i, count = sr->listener->count;

	p[0] = (struct pollfd){ .fd = sr->signal_fd, .events = POLLIN };
	for (i = 0; i < count; i++)
		p[1 + i] = (struct pollfd){ .fd = sr->listener->fd[i],
			.events = POLLIN };
	for (;;) {
		if (poll(p, 1 + count, daemon_watchdog_ms()) < 0 &&
		    errno != EINTR) {
			log_err("poll: %m");
			(void)poll(NULL, 0, PAUSE_MS);
			continue;
		}
		daemon_tell_alive();
		while ((ev = daemon_signal_next(sr->signal_fd)) !=
		       DAEMON_NOTHING) {
			if (ev == DAEMON_STOP)
				return;
			daemon_reload(sr->service.pipeline, lmtp_check_conf);
		}
		for (i = 0; i < count; i++)
			if (p[1 + i].revents != 0)
				accept_some(sr, p[1 + i].fd);
	}
}

/* The background work, counted like a session. */
static void *
replay_thread(void *argument)
{
	struct server *sr = argument;

	daemon_replay_run(sr->service.pipeline, &sr->service.stop);
	one_less(sr, false);
	return NULL;
}

/* A mail that is being received has the time of one command, and its budget. */
static int64_t
sessions_until_ms(struct server *sr)
{
	struct conf *conf = pipeline_hold_conf(sr->service.pipeline);
	int64_t s =
	    conf->lmtp.command_timeout_s + conf->lmtp.budget_s + GRACE_S;

	conf_free(&conf);
	return clock_mono_ms() + s * 1000;
}

/*
 * Wait for the sessions, and then a little for the replay: nobody waits for
 * what that has in hand. A second signal ends it.
 */
static enum lmtp_left
wait_idle(struct server *sr)
{
	struct pollfd p[2] = {
		{ .fd = sr->signal_fd, .events = POLLIN },
		{ .fd = sr->idle_fd, .events = POLLIN },
	};
	int64_t until_ms = sessions_until_ms(sr), left;
	bool is_replay = false;
	unsigned sessions;

	while (count_of(sr, &sr->threads) > 0) {
		if (!is_replay && count_of(sr, &sr->sessions) == 0) {
			is_replay = true;
			until_ms = clock_mono_ms() + GRACE_S * 1000;
		}
		if ((left = until_ms - clock_mono_ms()) <= 0)
			break;
		(void)poll(p, 2, left > 1000 ? 1000 : (int)left);
		daemon_tell_alive();
		if (daemon_signal_next(sr->signal_fd) == DAEMON_STOP)
			break;
	}
	if ((sessions = count_of(sr, &sr->sessions)) > 0) {
		log_err("%u threads are still at work and end now; their "
			"mails were not acknowledged",
		    sessions);
		return LMTP_LEFT_MAILS;
	}
	return count_of(sr, &sr->threads) > 0 ? LMTP_LEFT_REPLAY
					      : LMTP_LEFT_NOTHING;
}

static int
server_init(struct server *sr, struct pipeline *p, struct listener *l,
    int signal_fd, struct err *e)
{
	*sr = (struct server){
		.listener = l, .signal_fd = signal_fd, .idle_fd = -1
	};
	pthread_mutex_init(&sr->lock, NULL);
	sr->service.pipeline = p;
	if (daemon_stop_open(&sr->service.stop, e) < 0)
		return -1;
	if ((sr->idle_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return err_set_errno(e, "eventfd");
	if (gethostname(
		sr->service.host_name, sizeof(sr->service.host_name) - 1) < 0 ||
	    sr->service.host_name[0] == '\0')
		(void)snprintf(sr->service.host_name,
		    sizeof(sr->service.host_name), "localhost");
	/* ids of two runs should differ in the log; a guess will do */
	if (getrandom(&sr->next_id, sizeof(sr->next_id), GRND_NONBLOCK) < 0)
		sr->next_id = (uint32_t)clock_now();
	return 0;
}

static void
server_clear(struct server *sr)
{
	daemon_stop_close(&sr->service.stop);
	if (sr->idle_fd >= 0)
		(void)close(sr->idle_fd);
	pthread_mutex_destroy(&sr->lock);
	free(sr);
}

int
lmtp_check_conf(const struct conf *conf, struct err *e)
{
	return listen_check_networks(&conf->lmtp.networks, e);
}

int
lmtp_serve(struct pipeline *p, const struct conf *conf, struct listener *l,
    int signal_fd, enum lmtp_left *left, struct err *e)
{
	/* on the heap: threads that outlive their budget still use it */
	struct server *sr = xcalloc(1, sizeof(*sr));

	*left = LMTP_LEFT_NOTHING;
	if (server_init(sr, p, l, signal_fd, e) < 0) {
		server_clear(sr);
		return -1;
	}
	one_more(sr, false);
	if (start_thread(replay_thread, sr) != 0) {
		server_clear(sr);
		return err_set(e, ERR_TEMP, "cannot start a thread");
	}
	daemon_tell_ready();
	log_info("ready on %s", conf->lmtp.listen);
	serve(sr);
	daemon_tell_stopping();
	log_info("stopping, %u connections", count_of(sr, &sr->sessions));
	daemon_stop_ask(&sr->service.stop);
	listen_close(l);
	if ((*left = wait_idle(sr)) == LMTP_LEFT_NOTHING)
		server_clear(sr);
	return 0;
}
