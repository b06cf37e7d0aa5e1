// A reader as JavaScript holds it.
#pragma once
#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "session_base.h"
#include "workers.h"

namespace netsoak {

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

  /** Of the results of a poll, used again at the next one. */
  Napi::Reference<Napi::Float64Array> numbers_;
  Napi::Reference<Napi::BigUint64Array> cookies_;
  size_t room_ = 0;
};

}  // namespace netsoak
