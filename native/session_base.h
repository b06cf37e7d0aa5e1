// What every engine of threads needs to be held by JavaScript: the bridge that wakes the JS thread, its callbacks, the memory of its pool, and its
// life, which ends with its last thread. JS thread only, but for the wake-up.
#pragma once
#include <napi.h>

#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "pool.h"

namespace netsoak {

/**
 * @tparam Derived has `void dispatch(Napi::Env)`, called on the JS thread after a wake-up; posts "closed" by calling end()
 * @tparam Engine threads with pool(), close(), abort() and join()
 */
template <typename Derived, typename Engine>
class SessionBase : public std::enable_shared_from_this<Derived> {
 protected:
  /** Before the engine starts. An idle engine keeps no process alive; what it is asked for does, between keep_loop_alive() and let_loop_end(). */
  void begin(Napi::Env env, const char* name, Napi::Object callbacks) {
    self_ = this->shared_from_this();
    callbacks_ = Napi::Persistent(callbacks);
    bridge_ = Bridge::New(env, name, 0, 1, static_cast<Derived*>(this));
  }
  void run(Napi::Env env, std::unique_ptr<Engine> engine) {
    engine_ = std::move(engine);
    // Runs before the bridge and the blocks go: no thread may touch either afterwards.
    cleanup_ = env.AddCleanupHook(+[](Derived* raw) { raw->engine_->abort(); }, static_cast<Derived*>(this));
  }
  /** From any thread. */
  void wake() { bridge_.NonBlockingCall(); }

  /** addBlock, release and close, which all engines have. */
  void add_common(Napi::Env env, Napi::Object face) {
    const std::shared_ptr<Derived> self = this->shared_from_this();
    face["addBlock"] = Napi::Function::New(env, [self](const Napi::CallbackInfo& info) {
      auto block = info[0].As<Napi::Buffer<uint8_t>>();
      if (block.Length() < Pool::kBlockBytes) throw Napi::RangeError::New(info.Env(), "a block is smaller than 1 MiB");
      self->blocks_.push_back(Napi::Persistent(block.template As<Napi::Object>()));
      self->engine_->pool().add(block.Data());
    });
    face["release"] = Napi::Function::New(
        env, [self](const Napi::CallbackInfo& info) { self->engine_->pool().release(info[0].As<Napi::Number>().Int32Value()); });
    face["close"] = Napi::Function::New(env, [self](const Napi::CallbackInfo& info) {
      self->keep_loop_alive(info.Env());
      self->engine_->close();
    });
  }

  void call(const char* name, std::initializer_list<napi_value> arguments) {
    const Napi::Object callbacks = callbacks_.Value();
    callbacks.Get(name).template As<Napi::Function>().Call(callbacks, arguments);
  }
  void keep_loop_alive(Napi::Env env) {
    if (busy_++ == 0) bridge_.Ref(env);
  }
  void let_loop_end(Napi::Env env) {
    if (--busy_ == 0) bridge_.Unref(env);
  }
  /** The last thread has ended. */
  void end() {
    engine_->join();
    cleanup_.Remove(callbacks_.Env());
    bridge_.Release();
    // Envelopes that JS still holds keep their blocks by themselves.
    blocks_.clear();
    self_ = nullptr;
    call("closed", {});
  }

  std::unique_ptr<Engine> engine_;

 private:
  static void on_wake(Napi::Env env, Napi::Function, Derived* session, void*) {
    if (env != nullptr) session->dispatch(env);
  }
  using Bridge = Napi::TypedThreadSafeFunction<Derived, void, on_wake>;

  Bridge bridge_;
  Napi::ObjectReference callbacks_;
  /** Keeps the memory of the pool while threads write into it. */
  std::vector<Napi::ObjectReference> blocks_;
  /** Keeps the session itself until its threads have ended. */
  std::shared_ptr<Derived> self_;
  Napi::Env::CleanupHook<void (*)(Derived*), Derived> cleanup_;
  /** A bridge begins with the loop kept alive. */
  unsigned busy_ = 1;
};

}  // namespace netsoak
