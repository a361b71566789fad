/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver_query.c - the thread that asks the name servers, by c-ares: many
 * questions side by side, over UDP, and over TCP what does not fit.
 * in: queues of entries    out: entries that are settled
 */
#include <ares.h>
#include <arpa/nameser.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/enrich/resolver_internal.h"

#define TRIES 2             /* of each server */
#define UDP_BYTES 1232      /* fits any path (EDNS) */
#define SOCKET_BYTES 524288 /* answers that come faster than we read */
#define POLL_MS 1000
#define SERVERS_BYTES (CONF_ENRICH_SERVERS_MAX * 64)
#define SILENT_MAX 256 /* unanswered in a row: nobody is there */

/* How long an answer holds. */
#define LEAST_S 60
#define NONE_S 3600  /* no such name, and the server does not say */
#define BROKEN_S 300 /* the servers of that name are in trouble */
#define UNANSWERED_S 60

/* One address on its way: its name, then whether that leads back to it. */
struct query {
	struct resolver *resolver;
	struct name_entry *entry;
	char name[ANSWER_NAME_SIZE];
	uint32_t ttl;
};

static struct ares_channeldata *
channel_open(const struct conf_enrich *conf)
{
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
			 ARES_FLAG_STAYOPEN | ARES_FLAG_EDNS,
		.timeout = (int)conf->dns_timeout_s * 1000,
		.tries = TRIES,
		.ednspsz = UDP_BYTES,
		.socket_receive_buffer_size = SOCKET_BYTES,
	};
	const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
			 ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_RCVBUF;
	struct ares_channeldata *channel = NULL;
	struct buf servers;
	struct err e;
	size_t i;
	int rc = ARES_SUCCESS;

	if (ares_init_options(&channel, &options, mask) != ARES_SUCCESS)
		return NULL;
	buf_init(&servers, SERVERS_BYTES);
	for (i = 0; i < conf->nameservers.count; i++)
		(void)buf_printf(&servers, &e, "%s%s", i > 0 ? "," : "",
		    conf->nameservers.item[i]);
	if (servers.len > 0)
		rc = ares_set_servers_ports_csv(channel, servers.data);
	buf_clear(&servers);
	if (rc != ARES_SUCCESS) {
		ares_destroy(channel);
		channel = NULL;
	}
	return channel;
}

/* Did a name server say anything, good or bad? */
static bool
is_answer(int status)
{
	switch (status) {
	case ARES_SUCCESS:
	case ARES_ENODATA:
	case ARES_EFORMERR:
	case ARES_ESERVFAIL:
	case ARES_ENOTFOUND:
	case ARES_ENOTIMP:
	case ARES_EREFUSED:
		return true;
	default:
		return false;
	}
}

/* Does that say that there is no such name? */
static bool
is_none(int status)
{
	return status == ARES_SUCCESS || status == ARES_ENODATA ||
	       status == ARES_ENOTFOUND;
}

/* Under the lock. */
static void
note_answer(struct resolver *r, int status)
{
	if (status == ARES_ECANCELLED || status == ARES_EDESTRUCTION)
		return;
	if (is_answer(status)) {
		r->count.answered++;
		r->answered_ms = clock_mono_ms();
		r->count.is_dead = false;
		r->silent = 0;
	} else if (++r->silent >= SILENT_MAX && !r->count.is_dead) {
		resolver_give_up(r);
	}
}

static int64_t
lifetime_ms(const struct resolver *r, int64_t seconds)
{
	const int64_t most = r->conf->cache_time_s;

	if (seconds < LEAST_S)
		seconds = LEAST_S;
	return (seconds < most ? seconds : most) * 1000;
}

/* Under the lock. NULL: the address has no name. */
static void
set_name(struct name_entry *entry, const char *name, int confirmed)
{
	free(entry->name);
	entry->name = name != NULL ? xstrdup(name) : NULL;
	entry->confirmed = confirmed;
}

static void
query_end(struct query *q, int status)
{
	q->resolver->in_flight--;
	note_answer(q->resolver, status);
	free(q);
}

/* c-ares: the addresses of the name that the address has. */
static void
got_addresses(
    void *arg, int status, int timeouts, unsigned char *reply, int len)
{
	struct query *q = arg;
	struct resolver *r = q->resolver;
	int confirmed = -1;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		confirmed =
		    answer_has_address(reply, (size_t)len, &q->entry->address);
	else if (status == ARES_ENOTFOUND || status == ARES_ENODATA)
		confirmed = 0;
	pthread_mutex_lock(&r->lock);
	set_name(q->entry, q->name, confirmed);
	resolver_settle(r, q->entry, lifetime_ms(r, q->ttl));
	query_end(q, status);
	pthread_mutex_unlock(&r->lock);
}

static void
ask_back(struct query *q)
{
	struct resolver *r = q->resolver;

	pthread_mutex_lock(&r->lock);
	note_answer(r, ARES_SUCCESS);
	set_name(q->entry, q->name, -1); /* already good for who gives up now */
	r->count.asked++;
	pthread_mutex_unlock(&r->lock);
	ares_query(r->channel, q->name, ns_c_in,
	    address_is_v4(&q->entry->address) ? ns_t_a : ns_t_aaaa,
	    got_addresses, q);
}

/* c-ares: the name of an address. */
static void
got_name(void *arg, int status, int timeouts, unsigned char *reply, int len)
{
	struct query *q = arg;
	struct resolver *r = q->resolver;
	bool has_name;

	(void)timeouts;
	q->ttl = is_none(status)     ? NONE_S
		 : is_answer(status) ? BROKEN_S
				     : UNANSWERED_S;
	has_name =
	    reply != NULL && answer_ptr(reply, (size_t)len, q->name, &q->ttl);
	if (has_name && r->conf->forward_confirm) {
		ask_back(q);
		return;
	}
	pthread_mutex_lock(&r->lock);
	if (has_name || is_none(status)) /* else that of before may do */
		set_name(q->entry, has_name ? q->name : NULL, -1);
	resolver_settle(r, q->entry, lifetime_ms(r, q->ttl));
	query_end(q, status);
	pthread_mutex_unlock(&r->lock);
}

static void
query_begin(struct resolver *r, struct name_entry *entry)
{
	struct query *q = xcalloc(1, sizeof(*q));
	char name[ADDRESS_NAME_SIZE];

	q->resolver = r;
	q->entry = entry;
	r->in_flight++;
	address_reverse_name(&entry->address, name);
	if (r->channel == NULL)
		got_name(q, ARES_ENOTINITIALIZED, 0, NULL, 0);
	else
		ares_query(r->channel, name, ns_c_in, ns_t_ptr, got_name, q);
}

/* The next address to ask for; NULL when there is none, or no room. */
static struct name_entry *
take_next(struct resolver *r)
{
	struct name_entry *entry = NULL;

	pthread_mutex_lock(&r->lock);
	if (r->in_flight < r->conf->queries &&
	    (entry = TAILQ_FIRST(&r->front)) == NULL)
		entry = TAILQ_FIRST(&r->background);
	if (entry != NULL) {
		resolver_unqueue(r, entry);
		r->count.asked++;
	}
	pthread_mutex_unlock(&r->lock);
	return entry;
}

static short
events_of(int bits, int i)
{
	/* ares.h's own macros shift a 1 into the sign */
	unsigned readable = (unsigned)bits >> i & 1;
	unsigned writable = (unsigned)bits >> (i + ARES_GETSOCK_MAXNUM) & 1;

	return (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
}

/* Wait for answers, for a time-out of one, or for something new to do. */
static void
wait_and_read(struct resolver *r)
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM] = { 0 };
	struct pollfd fds[ARES_GETSOCK_MAXNUM + 1] = { { .fd = r->wake,
	    .events = POLLIN } };
	struct timeval most = { .tv_sec = POLL_MS / 1000 }, tv = most, *left;
	int i, n = 1, bits = 0;
	uint64_t woken;
	short events;

	if (r->channel != NULL)
		bits = ares_getsock(r->channel, sockets, ARES_GETSOCK_MAXNUM);
	for (i = 0; i < ARES_GETSOCK_MAXNUM; i++)
		if ((events = events_of(bits, i)) != 0)
			fds[n++] = (struct pollfd){ .fd = sockets[i],
				.events = events };
	left = r->channel != NULL ? ares_timeout(r->channel, &most, &tv) : &tv;
	(void)poll(fds, (nfds_t)n,
	    r->in_flight > 0
		? (int)(left->tv_sec * 1000 + left->tv_usec / 1000 + 1)
		: -1);
	(void)!read(r->wake, &woken, sizeof(woken));
	if (r->channel == NULL)
		return;
	for (i = 1; i < n; i++)
		if (fds[i].revents != 0)
			ares_process_fd(r->channel,
			    fds[i].revents & ~POLLOUT ? fds[i].fd
						      : ARES_SOCKET_BAD,
			    fds[i].revents & POLLOUT ? fds[i].fd
						     : ARES_SOCKET_BAD);
	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/*
 * The servers of the system may be others by now (a laptop, a container that
 * started before its network): a dead channel is opened anew.
 */
static void
renew_channel(struct resolver *r)
{
	bool is_dead;

	pthread_mutex_lock(&r->lock);
	is_dead = r->count.is_dead;
	pthread_mutex_unlock(&r->lock);
	if (r->in_flight > 0 || (r->channel != NULL && !is_dead))
		return;
	if (r->channel != NULL)
		ares_destroy(r->channel);
	r->channel = channel_open(r->conf);
}

void *
resolver_thread(void *p)
{
	struct resolver *r = p;
	struct name_entry *entry;
	bool is_closing = false;

	(void)ares_library_init(ARES_LIB_INIT_ALL);
	while (!is_closing) {
		renew_channel(r);
		while ((entry = take_next(r)) != NULL)
			query_begin(r, entry);
		wait_and_read(r);
		pthread_mutex_lock(&r->lock);
		is_closing = r->is_closing;
		pthread_mutex_unlock(&r->lock);
	}
	if (r->channel != NULL)
		ares_destroy(r->channel); /* ends what is in flight */
	ares_library_cleanup();
	return NULL;
}
