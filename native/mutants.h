// Planted faults: a test subject for the harness, never part of the release build. Without NETSOAK_MUTANTS each hook is an empty
// inline function and leaves no trace. With it, NETSOAK_MUTANT names the one fault that is alive; see mutants.cc.
#pragma once
#include <cstdint>

namespace netsoak {
struct Row;
struct NamespaceId;
struct NamespaceColumns;
class DumpSink;

namespace mutants {
#ifdef NETSOAK_MUTANTS
/** At load: aborts on an unknown name. */
void choose();
void poll_started();
/** A worker is about to enter a namespace through `fd`. */
void entering(int fd, const NamespaceId& id);
/** The columns that the rows of a namespace will carry. */
void naming(NamespaceColumns& columns);
/** True: the dump is replayed from memory instead of asked of the kernel. */
bool replay(const NamespaceId& id, DumpSink& sink);
/** A message of a live dump. */
void dumped(const NamespaceId& id, const uint8_t* payload, uint32_t length);
int64_t timestamp(int64_t nanoseconds);
/** When a poll began. */
uint64_t poll_began(uint64_t nanoseconds);
/** May change a row; returns how often it is to be written. */
int copies(Row& row);
void envelope_handed_on();
#else
inline void choose() {}
inline void poll_started() {}
inline void entering(int, const NamespaceId&) {}
inline void naming(NamespaceColumns&) {}
constexpr bool replay(const NamespaceId&, DumpSink&) { return false; }
inline void dumped(const NamespaceId&, const uint8_t*, uint32_t) {}
constexpr int64_t timestamp(int64_t nanoseconds) { return nanoseconds; }
constexpr uint64_t poll_began(uint64_t nanoseconds) { return nanoseconds; }
constexpr int copies(Row&) { return 1; }
inline void envelope_handed_on() {}
#endif
}  // namespace mutants
}  // namespace netsoak
