/* Waiting for programs that were detached while they ran: eu_programs_wait(), api_*.h. */
#ifndef EUNOMIA_QUIESCE_H
#define EUNOMIA_QUIESCE_H
/* Make what waiting will need where this kernel has no barrier for it, while this process may. */
void eu_programs_prepare(void);
#endif
