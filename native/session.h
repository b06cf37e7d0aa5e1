// A reader as JavaScript holds it.
#pragma once
#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "session_base.h"
#include "workers.h"

namespace netsoak {

/** Splits what arguments.ts joined: four strings a namespace, each ended by NUL; device, inode, generation, ask_first of each in `numbers`. */
constexpr size_t kTaskNumbers = 4;
std::vector<NamespaceTask> parse_tasks(const std::string& strings, const double* numbers, size_t count);

class Session : public SessionBase<Session, Workers> {
 public:
  /** @param callbacks object of functions: RawCallbacks in addon.ts */
  static std::shared_ptr<Session> open(Napi::Env env, ReaderSettings settings, Napi::Object callbacks);
  /** The object that JavaScript calls: RawReader in addon.ts. */
  Napi::Object face(Napi::Env env);

 private:
  friend class SessionBase<Session, Workers>;
  void dispatch(Napi::Env env);
  Napi::Object poll_result(Napi::Env env, const Poll& poll);
};

}  // namespace netsoak
