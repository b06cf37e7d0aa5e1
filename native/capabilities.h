// Giving up capabilities in every thread of the process.
#pragma once
#include <cstdint>

namespace netsoak {

/**
 * Keeps, of what every thread may do, the capabilities of `keep` (bits of linux/capability.h) and sets no_new_privs. Permitted, effective,
 * bounding and ambient sets shrink to it, inheritable is emptied: threads made later start with the same. For good.
 * Returns 0 or an errno; after a failure some threads may have given up already. Not to be called by two threads at once.
 */
int keep_capabilities(uint64_t keep);

}  // namespace netsoak
