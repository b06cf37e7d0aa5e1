#include "destroy_session.h"

#include <string>

#include "session.h"

namespace netsoak {

std::shared_ptr<DestroySession> DestroySession::open(Napi::Env env, DestroySettings settings, Napi::Object callbacks) {
  auto session = std::make_shared<DestroySession>();
  session->self_ = session;
  session->callbacks_ = Napi::Persistent(callbacks);
  session->bridge_ = Bridge::New(env, "netsoak destroy listener", 0, 1, session.get());
  // An idle listener keeps no process alive; opening, announcing and closing do.
  session->busy_ = 1;
  session->listener_ = std::make_unique<DestroyListener>(std::move(settings), [raw = session.get()] { raw->bridge_.NonBlockingCall(); });
  session->cleanup_ = env.AddCleanupHook(+[](DestroySession* raw) { raw->listener_->abort(); }, session.get());
  return session;
}

Napi::Object DestroySession::face(Napi::Env env) {
  Napi::Object face = Napi::Object::New(env);
  const std::shared_ptr<DestroySession> self = shared_from_this();
  face["addBlock"] = Napi::Function::New(env, [self](const Napi::CallbackInfo& info) {
    auto block = info[0].As<Napi::Buffer<uint8_t>>();
    if (block.Length() < Pool::kBlockBytes) throw Napi::RangeError::New(info.Env(), "a block is smaller than 1 MiB");
    self->blocks_.push_back(Napi::Persistent(block.As<Napi::Object>()));
    self->listener_->pool().add(block.Data());
  });
  face["announce"] = Napi::Function::New(env, [self](const Napi::CallbackInfo& info) {
    const std::string strings = info[0].As<Napi::String>().Utf8Value();
    const auto numbers = info[1].As<Napi::Float64Array>();
    self->keep_loop_alive(info.Env());
    self->listener_->announce(parse_tasks(strings, numbers.Data(), numbers.ElementLength() / kTaskNumbers));
  });
  face["release"] = Napi::Function::New(
      env, [self](const Napi::CallbackInfo& info) { self->listener_->pool().release(info[0].As<Napi::Number>().Int32Value()); });
  face["counters"] = Napi::Function::New(env, [self](const Napi::CallbackInfo& info) { return self->counters(info.Env()); });
  face["close"] = Napi::Function::New(env, [self](const Napi::CallbackInfo& info) {
    self->keep_loop_alive(info.Env());
    self->listener_->close();
  });
  return face;
}

void DestroySession::on_wake(Napi::Env env, Napi::Function, DestroySession* session, void*) {
  if (env != nullptr) session->dispatch(env);
}

void DestroySession::dispatch(Napi::Env env) {
  // An event may end the session.
  const std::shared_ptr<DestroySession> keep = shared_from_this();
  for (const DestroyEvent& event : listener_->take_events()) {
    Napi::HandleScope scope(env);
    switch (event.kind) {
      case DestroyEvent::Kind::kReady:
        let_loop_end(env);
        call("ready", {Napi::Number::New(env, listener_->granted_buffer())});
        break;
      case DestroyEvent::Kind::kEnvelope: {
        const FinishedEnvelope& envelope = event.envelope;
        call("envelope", {Napi::Number::New(env, envelope.block), Napi::Number::New(env, static_cast<double>(envelope.start)),
                          Napi::Number::New(env, static_cast<double>(envelope.end)), Napi::Number::New(env, envelope.rows)});
        break;
      }
      case DestroyEvent::Kind::kNeedBlock:
        call("needBlock", {});
        break;
      case DestroyEvent::Kind::kAnnounced: {
        auto failures = Napi::Float64Array::New(env, 3 * event.failures.size());
        double* value = failures.Data();
        for (const AnnounceFailure& failure : event.failures) {
          *value++ = failure.index;
          *value++ = static_cast<double>(failure.step);
          *value++ = failure.error;
        }
        let_loop_end(env);
        call("announced", {failures});
        break;
      }
      case DestroyEvent::Kind::kUnknown:
        call("unknown", {});
        break;
      case DestroyEvent::Kind::kFailed:
        call("failed", {Napi::Number::New(env, static_cast<double>(event.step)), Napi::Number::New(env, event.error)});
        break;
      case DestroyEvent::Kind::kClosed:
        end();
        call("closed", {});
        break;
    }
  }
}

void DestroySession::call(const char* name, std::initializer_list<napi_value> arguments) {
  const Napi::Object callbacks = callbacks_.Value();
  callbacks.Get(name).As<Napi::Function>().Call(callbacks, arguments);
}

/** In the order of DESTROY_COUNTERS in addon.ts. */
Napi::Value DestroySession::counters(Napi::Env env) const {
  const DestroyCounters& all = listener_->counters();
  const std::initializer_list<const std::atomic<uint64_t>*> list{&all.events,     &all.lost,    &all.rows,    &all.filtered,  &all.sampled_out,
                                                                 &all.unknown_namespace, &all.undecoded, &all.dropped, &all.waiting, &all.namespaces};
  auto values = Napi::Float64Array::New(env, list.size());
  double* value = values.Data();
  for (const auto* counter : list) *value++ = static_cast<double>(counter->load());
  return values;
}

void DestroySession::keep_loop_alive(Napi::Env env) {
  if (busy_++ == 0) bridge_.Ref(env);
}

void DestroySession::let_loop_end(Napi::Env env) {
  if (--busy_ == 0) bridge_.Unref(env);
}

void DestroySession::end() {
  listener_->join();
  cleanup_.Remove(callbacks_.Env());
  bridge_.Release();
  // Envelopes that JS still holds keep their blocks by themselves.
  blocks_.clear();
  self_ = nullptr;
}

}  // namespace netsoak
