// A destroy listener as JavaScript holds it. JS thread only, but for the wake-up.
#pragma once
#include <napi.h>

#include <memory>
#include <vector>

#include "destroy.h"

namespace netsoak {

class DestroySession : public std::enable_shared_from_this<DestroySession> {
 public:
  /** @param callbacks object of functions: RawDestroyCallbacks in addon.ts */
  static std::shared_ptr<DestroySession> open(Napi::Env env, DestroySettings settings, Napi::Object callbacks);
  /** The object that JavaScript calls: RawDestroyListener in addon.ts. */
  Napi::Object face(Napi::Env env);

 private:
  static void on_wake(Napi::Env env, Napi::Function, DestroySession* session, void*);
  using Bridge = Napi::TypedThreadSafeFunction<DestroySession, void, on_wake>;

  void dispatch(Napi::Env env);
  void call(const char* name, std::initializer_list<napi_value> arguments);
  Napi::Value counters(Napi::Env env) const;
  void keep_loop_alive(Napi::Env env);
  void let_loop_end(Napi::Env env);
  void end();

  std::unique_ptr<DestroyListener> listener_;
  Bridge bridge_;
  Napi::ObjectReference callbacks_;
  /** Keeps the memory of the pool while the thread writes into it. */
  std::vector<Napi::ObjectReference> blocks_;
  /** Keeps the session itself until its thread has ended. */
  std::shared_ptr<DestroySession> self_;
  Napi::Env::CleanupHook<void (*)(DestroySession*), DestroySession> cleanup_;
  unsigned busy_ = 0;
};

}  // namespace netsoak
