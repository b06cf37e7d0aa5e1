// A reader as JavaScript holds it: workers, the callbacks they report to, and the bridge between threads. JS thread only, but for wake().
#pragma once
#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "workers.h"

namespace netsoak {

/** Splits what arguments.ts joined: four strings a namespace, each ended by NUL; device, inode, generation, ask_first of each in `numbers`. */
constexpr size_t kTaskNumbers = 4;
std::vector<NamespaceTask> parse_tasks(const std::string& strings, const double* numbers, size_t count);

class Session : public std::enable_shared_from_this<Session> {
 public:
  /** @param callbacks object of functions: RawCallbacks in addon.ts */
  static std::shared_ptr<Session> open(Napi::Env env, ReaderSettings settings, Napi::Object callbacks);
  /** The object that JavaScript calls: RawReader in addon.ts. */
  Napi::Object face(Napi::Env env);

 private:
  static void on_wake(Napi::Env env, Napi::Function, Session* session, void*);
  using Bridge = Napi::TypedThreadSafeFunction<Session, void, on_wake>;

  void dispatch(Napi::Env env);
  void call(const char* name, std::initializer_list<napi_value> arguments);
  Napi::Object poll_result(Napi::Env env, const Poll& poll);
  void keep_loop_alive(Napi::Env env);
  void end();

  std::unique_ptr<Workers> workers_;
  Bridge bridge_;
  Napi::ObjectReference callbacks_;
  /** Keeps the memory of the pool while workers write into it. */
  std::vector<Napi::ObjectReference> blocks_;
  /** Keeps the session itself until its threads have ended. */
  std::shared_ptr<Session> self_;
  Napi::Env::CleanupHook<void (*)(Session*), Session> cleanup_;
  unsigned busy_ = 0;
};

}  // namespace netsoak
