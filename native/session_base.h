// What every engine of threads needs to be held by JavaScript: the bridge that wakes the JS thread, its callbacks, the memory of its pool as JS sees it, and
// its life, which ends with its last thread. JS thread only, but for the wake-up.
#pragma once
#include <napi.h>

#include <initializer_list>
#include <memory>
#include <utility>

#include "arena.h"
#include "pool.h"

namespace netsoak {

/**
 * @tparam Derived has `void dispatch(Napi::Env)`, called on the JS thread after a wake-up; posts "closed" by calling end()
 * @tparam Engine threads with pool(), close(), abort() and join(), made of settings and of what wakes JS, from any thread
 */
template <typename Derived, typename Engine>
class SessionBase : public std::enable_shared_from_this<Derived> {
 protected:
  /** Starts the engine, which keeps the process alive as if it were asked for something: see let_loop_end(). @throws what the engine throws */
  template <typename Settings>
  void begin(Napi::Env env, const char* name, Settings settings, Napi::Object callbacks) {
    callbacks_ = Napi::Persistent(callbacks);
    bridge_ = Bridge::New(env, name, 0, 1, static_cast<Derived*>(this));
    try {
      engine_ = std::make_unique<Engine>(std::move(settings), [this] { bridge_.NonBlockingCall(); });
    } catch (...) {
      bridge_.Release();
      throw;
    }
    self_ = this->shared_from_this();
    // Runs before the bridge goes: no thread may touch it afterwards.
    cleanup_ = env.AddCleanupHook(+[](Derived* raw) { raw->engine_->abort(); }, static_cast<Derived*>(this));
  }
  /** memory, release and close, which all engines have. */
  void add_common(Napi::Env env, Napi::Object face) {
    const std::shared_ptr<Derived> self = this->shared_from_this();
    // Envelopes that JS still holds when all has ended keep it by themselves.
    auto* const kept = new std::shared_ptr<const Arena>(engine_->pool().memory());
    face["memory"] = Napi::Buffer<uint8_t>::New(
        env, (*kept)->data(), (*kept)->size(), [](Napi::Env, uint8_t*, std::shared_ptr<const Arena>* memory) { delete memory; }, kept);
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
  /** Of a place in a block: where it stands in `memory`. */
  static Napi::Number offset(Napi::Env env, int block, size_t at) {
    return Napi::Number::New(env, static_cast<double>(static_cast<size_t>(block) * Pool::kBlockBytes + at));
  }
  /** An idle engine keeps no process alive; what it is asked for does, between these two. */
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
    self_ = nullptr;
    call("closed", {});
    // They know what calls us, which keeps us: without this nobody would ever be collected.
    callbacks_.Reset();
  }

  std::unique_ptr<Engine> engine_;

 private:
  static void on_wake(Napi::Env env, Napi::Function, Derived* session, void*) {
    if (env != nullptr) session->dispatch(env);
  }
  using Bridge = Napi::TypedThreadSafeFunction<Derived, void, on_wake>;

  Bridge bridge_;
  Napi::ObjectReference callbacks_;
  /** Keeps the session itself until its threads have ended. */
  std::shared_ptr<Derived> self_;
  Napi::Env::CleanupHook<void (*)(Derived*), Derived> cleanup_;
  /** A bridge begins with the loop kept alive. */
  unsigned busy_ = 1;
};

}  // namespace netsoak
