#ifndef API_ACCOUNTS_H
#define API_ACCOUNTS_H
/* Accounts of a loaded object: what its programs counted, and what all its readers took, closed ones too. Any thread. */
struct eu_object;
struct eu_account;
struct eu_run;

/* The account of a map by index; index eu_map_count() stands for updates whose map is not clear. Returns 1, or 0 where there is
 * nothing to tell of this map. The name is valid as long as the object. */
int eu_object_account(struct eu_object *object, int map, struct eu_account *account);
/* The version of the accounting that the object has, 0: none, or one that is not known here. */
int eu_object_accounting(struct eu_object *object);
/* Wait until every program that was running when it was called has ended (tens of milliseconds), those that can sleep excepted.
 * by_map: 1 takes the way for kernels without membarrier. */
int eu_programs_wait(int by_map);
/* How many accounts a run has: its sources, then other maps whose updates are counted. eu_run_account() reads them. */
int eu_run_accounts(struct eu_run *run);
#endif
