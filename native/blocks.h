/* Memory of batches and columns: given to Python, and used again when it comes back. Pages that the kernel must map and clear
 * anew cost more than all that is done with a record. */
#ifndef EUNOMIA_BLOCKS_H
#define EUNOMIA_BLOCKS_H
#include "eunomia.h"
#include <stddef.h>

/* At least `room` bytes, not cleared, or NULL; given back with eu_release() from any thread. */
void *eu_block(size_t room);
/* How many bytes a block has. */
size_t eu_block_room(const void *block);
/* Room for `wanted` bytes, at least twice as much as before, of which `used` are kept: 0, or -ENOMEM and *block stays. *block may be NULL.
 */
int eu_block_grow(void **block, size_t used, size_t wanted);
#endif
