// A destroy listener as JavaScript holds it.
#pragma once
#include <napi.h>

#include <memory>

#include "destroy.h"
#include "session_base.h"

namespace netsoak {

class DestroySession : public SessionBase<DestroySession, DestroyListener> {
 public:
  /** @param callbacks object of functions: RawDestroyCallbacks in addon.ts */
  static std::shared_ptr<DestroySession> open(Napi::Env env, DestroySettings settings, Napi::Object callbacks);
  /** The object that JavaScript calls: RawDestroyListener in addon.ts. */
  Napi::Object face(Napi::Env env);

 private:
  friend class SessionBase<DestroySession, DestroyListener>;
  void dispatch(Napi::Env env);
  Napi::Value counters(Napi::Env env) const;
};

}  // namespace netsoak
