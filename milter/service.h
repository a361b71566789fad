/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h - what all connections share: the pipeline, and how many mails
 * are in hand.
 */
#ifndef MILTER_SERVICE_H
#define MILTER_SERVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/pipeline.h"

#define MILTER_PROGRAM "dmarc-intake-milter"

struct milter_service {
	struct pipeline *pipeline; /* foreign */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under lock: */
	unsigned sessions;
	unsigned ending; /* end-of-message calls, waiting or at work */
	unsigned in_hand;
	int64_t done_ms; /* when the last mail was; 0: none was */
	uint32_t next_id;
	bool is_closed;
};

void milter_service_init(struct milter_service *sv, struct pipeline *p);
/* Only when no session is left. */
void milter_service_clear(struct milter_service *sv);

/* For daemon_main.h: is there what this program cannot do without? */
int milter_service_check(const struct conf *conf, struct err *e);

uint32_t milter_service_next_id(struct milter_service *sv);

/* One more connection; false when the service ends. */
bool milter_service_join(struct milter_service *sv);
void milter_service_part(struct milter_service *sv);

/*
 * A mail is complete and its caller is at work on it: begin, then end. Of
 * these at most limit are in hand: false when d is over before it is its turn.
 * Either way it ends with milter_service_done.
 */
bool milter_service_take(
    struct milter_service *sv, uint64_t limit, const struct deadline *d);
void milter_service_done(struct milter_service *sv, bool was_taken);

/* Wait up to 1 s for the mails in hand. How many are left? */
unsigned milter_service_wait(struct milter_service *sv);
/* Then: until their answers have left, by what can be known of it. */
void milter_service_linger(struct milter_service *sv);
/* Nothing may begin any more. How many sessions are left? */
unsigned milter_service_close(struct milter_service *sv);

#endif
