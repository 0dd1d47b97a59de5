/* What a run's core refers to and the standalone runner never has: guests of events, recordings, replays. eu_run_new() is not asked
 * for them here, so that nothing of this is called but where a pointer is looked at first. */
#define _GNU_SOURCE
#include "../chain.h"
#include "../error.h"
#include "../keep.h"
#include "../recording.h"
#include "../run_parts.h"
#include <errno.h>

static int none(void) {
    return eu_fail(ENOTSUP, "this program has no guests and no recordings");
}

struct eu_chain *eu_chain_new(struct eu_run *run, struct eu_sieve **sieves, int count) {
    none();
    return NULL;
}
void eu_chain_free(struct eu_chain *chain) {
}
int eu_chain_start(struct eu_chain *chain) {
    return none();
}
void eu_chain_add(struct eu_chain *chain, uint32_t source, uint32_t type, const uint8_t *record, size_t size) {
}
void eu_chain_flush(struct eu_chain *chain) {
}
void eu_chain_interval(struct eu_chain *chain) {
}
void eu_chain_end(struct eu_chain *chain) {
}
int eu_chain_watch(struct eu_chain *chain) {
    return none();
}
struct eu_keep *eu_keep_new(struct eu_run *run, struct eu_object *object, struct eu_recorder *recorder) {
    none();
    return NULL;
}
void eu_keep_free(struct eu_keep *keep) {
}
int eu_keep_start(struct eu_keep *keep) {
    return none();
}
int eu_keep_record(struct eu_keep *keep, struct source *source, const uint8_t *record, size_t size) {
    return none();
}
void eu_keep_lost(struct eu_keep *keep, struct source *source, int cause, uint64_t count) {
}
struct eu_format eu_keep_format(void) {
    return (struct eu_format){0};
}
long eu_keep_sample(struct eu_keep *keep, struct source *source) {
    return none();
}
void eu_keep_round(struct eu_keep *keep) {
}
int eu_keep_fd(const struct eu_keep *keep) {
    return -1;
}
void eu_keep_due(struct eu_keep *keep) {
}
void eu_keep_finish(struct eu_keep *keep) {
}
int eu_replay_account(struct eu_run *run, int source, struct eu_account *account) {
    return none();
}
int eu_replay_accounts(struct eu_run *run) {
    return 0;
}
void eu_recording_free(struct eu_recording *recording) {
}
