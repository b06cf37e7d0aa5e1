// Namespaces and the table of them as JavaScript holds them: RawNamespaces and RawNamespaceTable in addon.ts.
#pragma once
#include <napi.h>

#include "namespace.h"

namespace netsoak {

/** A list as a value that JavaScript can only hand back. */
Napi::Value hold_namespaces(Napi::Env env, NamespaceListPointer list);
/**
 * What JavaScript asks to be read: a held list; or the texts of namespaces (path, name, container id and runtime of each, each ended by NUL) with
 * their numbers (device, inode, generation, 1 to ask whether it has sockets first).
 */
NamespaceListPointer namespaces_of(const Napi::Value& list, const Napi::Value& numbers);
/** Adds the functions that make and ask lists and tables. */
void add_namespaces(Napi::Env env, Napi::Object exports);

}  // namespace netsoak
