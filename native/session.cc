#include "session.h"

#include <string>

#include "namespace_face.h"

namespace netsoak {
namespace {

constexpr size_t kResultColumns = 6;
}  // namespace

std::shared_ptr<Session> Session::open(Napi::Env env, ReaderSettings settings, Napi::Object callbacks) {
  auto session = std::make_shared<Session>();
  session->begin(env, "netsoak reader", std::move(settings), callbacks);
  session->let_loop_end(env);
  return session;
}

Napi::Object Session::face(Napi::Env env) {
  Napi::Object face = Napi::Object::New(env);
  add_common(env, face);
  const std::shared_ptr<Session> self = shared_from_this();
  face["poll"] = Napi::Function::New(env, [self](const Napi::CallbackInfo& info) {
    NamespaceListPointer tasks = namespaces_of(info[0], info[1]);
    self->keep_loop_alive(info.Env());
    self->engine_->poll(std::move(tasks));
  });
  return face;
}

void Session::dispatch(Napi::Env env) {
  // An event may end the session.
  const std::shared_ptr<Session> keep = shared_from_this();
  for (Event& event : engine_->take_events()) {
    Napi::HandleScope scope(env);
    switch (event.kind) {
      case Event::Kind::kEnvelope: {
        const FinishedEnvelope& envelope = event.envelope;
        call("envelope", {Napi::Number::New(env, envelope.block), offset(env, envelope.block, envelope.start), offset(env, envelope.block, envelope.end),
                          Napi::Number::New(env, envelope.rows),
                          Napi::BigInt::New(env, event.poll->id), Napi::Number::New(env, event.checksum)});
        break;
      }
      case Event::Kind::kWorkerLost:
        engine_->replace(event.worker);
        break;
      case Event::Kind::kPollDone:
        let_loop_end(env);
        call("pollDone", {poll_result(env, *event.poll)});
        // The workers keep their last poll until the next one.
        std::vector<NamespaceResult>().swap(event.poll->results);
        event.poll->tasks = nullptr;
        break;
      case Event::Kind::kClosed:
        end();
        break;
    }
  }
}

Napi::Object Session::poll_result(Napi::Env env, const Poll& poll) {
  const size_t count = poll.results.size();
  if (room_ == 0 || count > room_) {
    // With some to spare, since namespaces come one by one.
    room_ = count + count / 8 + 16;
    numbers_ = Napi::Persistent(Napi::Float64Array::New(env, room_ * kResultColumns));
    cookies_ = Napi::Persistent(Napi::BigUint64Array::New(env, room_));
  }
  auto numbers = numbers_.Value();
  auto cookies = cookies_.Value();
  Napi::Object details = Napi::Object::New(env);
  double* column = numbers.Data();
  uint64_t rows = 0;
  for (size_t i = 0; i < count; i++) {
    const NamespaceResult& result = poll.results[i];
    *column++ = static_cast<double>(result.status);
    *column++ = static_cast<double>(result.step);
    *column++ = result.error;
    *column++ = static_cast<double>(result.rows);
    *column++ = static_cast<double>(result.bytes);
    *column++ = result.interrupted ? 1 : 0;
    cookies[i] = result.cookie;
    rows += result.rows;
    if (result.detail != nullptr) details.Set(static_cast<uint32_t>(i), *result.detail);
  }
  Napi::Object unknown = Napi::Object::New(env);
  for (const auto& [key, seen] : poll.unknown.all()) unknown.Set(key, static_cast<double>(seen));

  Napi::Object faults = Napi::Object::New(env);
  for (const auto& [kind, seen] : poll.faults.all()) faults.Set(kind, static_cast<double>(seen));

  Napi::Object object = Napi::Object::New(env);
  object["faults"] = faults;
  object["pollId"] = Napi::BigInt::New(env, poll.id);
  object["rows"] = static_cast<double>(rows);
  object["envelopes"] = static_cast<double>(poll.envelopes);
  object["duplicates"] = static_cast<double>(poll.duplicates);
  object["skippedEmpty"] = static_cast<double>(poll.skipped_empty);
  object["sampledOut"] = static_cast<double>(poll.sampled_out);
  object["durationSeconds"] = poll.duration_seconds;
  object["namespaces"] = static_cast<double>(count);
  object["numbers"] = numbers;
  object["cookies"] = cookies;
  object["details"] = details;
  object["unknown"] = unknown;
  return object;
}

}  // namespace netsoak
