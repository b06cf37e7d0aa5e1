#include "destroy_session.h"

#include "namespace_face.h"

namespace netsoak {

std::shared_ptr<DestroySession> DestroySession::open(Napi::Env env, DestroySettings settings, Napi::Object callbacks) {
  auto session = std::make_shared<DestroySession>();
  // Opening keeps the process alive, until it is ready.
  session->begin(env, "netsoak destroy listener", std::move(settings), callbacks);
  return session;
}

Napi::Object DestroySession::face(Napi::Env env) {
  Napi::Object face = Napi::Object::New(env);
  add_common(env, face);
  const std::shared_ptr<DestroySession> self = shared_from_this();
  face["announce"] = Napi::Function::New(env, [self](const Napi::CallbackInfo& info) {
    NamespaceListPointer list = namespaces_of(info[0], info[1]);
    self->keep_loop_alive(info.Env());
    self->engine_->announce(std::move(list));
  });
  face["counters"] = Napi::Function::New(env, [self](const Napi::CallbackInfo& info) { return self->counters(info.Env()); });
  return face;
}

void DestroySession::dispatch(Napi::Env env) {
  // An event may end the session.
  const std::shared_ptr<DestroySession> keep = shared_from_this();
  for (const DestroyEvent& event : engine_->take_events()) {
    Napi::HandleScope scope(env);
    switch (event.kind) {
      case DestroyEvent::Kind::kReady:
        let_loop_end(env);
        call("ready", {Napi::Number::New(env, engine_->granted_buffer())});
        break;
      case DestroyEvent::Kind::kEnvelope: {
        const FinishedEnvelope& envelope = event.envelope;
        call("envelope", {Napi::Number::New(env, envelope.block), offset(env, envelope.block, envelope.start), offset(env, envelope.block, envelope.end),
                          Napi::Number::New(env, envelope.rows)});
        break;
      }
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
        break;
    }
  }
}

/** In the order of DESTROY_COUNTERS in addon.ts. */
Napi::Value DestroySession::counters(Napi::Env env) const {
  const DestroyCounters& all = engine_->counters();
  const std::initializer_list<const std::atomic<uint64_t>*> list{&all.events,     &all.lost,    &all.rows,    &all.filtered,  &all.sampled_out,
                                                                 &all.unknown_namespace, &all.undecoded, &all.dropped, &all.waiting, &all.namespaces};
  auto values = Napi::Float64Array::New(env, list.size());
  double* value = values.Data();
  for (const auto* counter : list) *value++ = static_cast<double>(counter->load());
  return values;
}

}  // namespace netsoak
