// Node-API glue, and nothing else: sessions (dump, transact), monitors, file locks, clocks. `index.ts` is the typed face.
#include <errno.h>
#include <fcntl.h>
#include <napi.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "monitor.h"
#include "session.h"

namespace netsoak::rtnl {
namespace {

template <typename Array>
auto copy_of(const Napi::Value& value) {
  const auto view = value.As<Array>();
  return std::vector<std::decay_t<decltype(*view.Data())>>(view.Data(), view.Data() + view.ElementLength());
}

Place read_place(const Napi::CallbackInfo& info) {
  return {info[0].As<Napi::String>().Utf8Value(),
          {static_cast<uint64_t>(info[1].As<Napi::Number>().DoubleValue()), static_cast<uint64_t>(info[2].As<Napi::Number>().DoubleValue())}};
}

/** Hands the vector's memory to JavaScript without copying it. */
template <typename T, typename Array>
Napi::Value give(Napi::Env env, std::vector<T>&& values) {
  auto* kept = new std::vector<T>(std::move(values));
  if (kept->empty()) {
    delete kept;
    return Array::New(env, 0);
  }
  const size_t length = kept->size();
  auto buffer = Napi::ArrayBuffer::New(env, kept->data(), length * sizeof(T), [](Napi::Env, void*, std::vector<T>* owner) { delete owner; }, kept);
  return Array::New(env, length, buffer, 0);
}

void put_failure(Napi::Object& object, const Failure& failure) {
  const Napi::Env env = object.Env();
  object.Set("errno", Napi::Number::New(env, failure.error));
  object.Set("detail", Napi::String::New(env, failure.detail));
  object.Set("offset", Napi::Number::New(env, failure.offset));
}

void put_messages(Napi::Object& object, Messages&& messages) {
  const Napi::Env env = object.Env();
  object.Set("bytes", give<uint8_t, Napi::Uint8Array>(env, std::move(messages.bytes)));
  object.Set("offsets", give<uint32_t, Napi::Uint32Array>(env, std::move(messages.offsets)));
}

struct JsJob : Job {
  explicit JsJob(Napi::Env env) : promise(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise::Deferred promise;
};

Napi::Value result_of(Napi::Env env, JsJob& job) {
  if (job.kind == Job::Kind::transact) {
    auto list = Napi::Array::New(env, job.answers.size());
    for (uint32_t index = 0; index < job.answers.size(); index++) {
      Answer& answer = job.answers[index];
      auto object = Napi::Object::New(env);
      put_failure(object, answer.failure);
      object.Set("refused", Napi::String::New(env, answer.refused == nullptr ? "" : answer.refused));
      put_messages(object, std::move(answer.reply));
      list.Set(index, object);
    }
    return list;
  }
  if (job.kind == Job::Kind::lost) return give<double, Napi::Float64Array>(env, std::move(job.tags));
  auto object = Napi::Object::New(env);
  if (job.kind == Job::Kind::open) {
    object.Set("step", Napi::String::New(env, job.opened.step));
    object.Set("errno", Napi::Number::New(env, job.opened.error));
    object.Set("cookie", Napi::BigInt::New(env, job.cookie));
  } else if (job.kind == Job::Kind::dump) {
    put_failure(object, job.dump.failure);
    object.Set("interrupted", Napi::Boolean::New(env, job.dump.interrupted));
    object.Set("filtered", Napi::Boolean::New(env, job.dump.filtered));
    put_messages(object, std::move(job.dump.messages));
  }
  return object;
}

void settle(Napi::Env env, Napi::Function, void*, Job* finished);
using JobDone = Napi::TypedThreadSafeFunction<void, Job, settle>;

void settle(Napi::Env env, Napi::Function, void*, Job* finished) {
  const std::unique_ptr<JsJob> job(static_cast<JsJob*>(finished));
  // No environment: the process is ending, nobody waits.
  if (env == nullptr) return;
  const Napi::HandleScope scope(env);
  if (job->dropped) {
    job->promise.Reject(Napi::Error::New(env, "The rtnetlink session was closed.").Value());
  } else {
    job->promise.Resolve(result_of(env, *job));
  }
}

/** session(path, device, inode): open(), dump(message, unknown), transact(messages), beginLook(tags), learn(indexes, tags), lost(), close(). */
class SessionObject : public Napi::ObjectWrap<SessionObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Session",
                       {InstanceMethod<&SessionObject::open>("open"), InstanceMethod<&SessionObject::dump>("dump"),
                        InstanceMethod<&SessionObject::transact>("transact"), InstanceMethod<&SessionObject::begin_look>("beginLook"),
                        InstanceMethod<&SessionObject::learn>("learn"), InstanceMethod<&SessionObject::lost>("lost"),
                        InstanceMethod<&SessionObject::close>("close")});
  }

  explicit SessionObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionObject>(info) {
    done_ = JobDone::New(info.Env(), "netsoak-rtnl", 0, 1);
    session_ = std::make_unique<Session>(read_place(info), [this](std::unique_ptr<Job> job) {
      if (done_.BlockingCall(job.get()) == napi_ok) job.release();
    });
  }

  ~SessionObject() override { end(); }

 private:
  Napi::Value open(const Napi::CallbackInfo& info) { return submit(job_of(info, Job::Kind::open)); }

  Napi::Value dump(const Napi::CallbackInfo& info) {
    auto job = job_of(info, Job::Kind::dump);
    job->request = copy_of<Napi::Uint8Array>(info[0]);
    job->unknown = info[1].As<Napi::Boolean>().Value();
    return submit(std::move(job));
  }

  Napi::Value transact(const Napi::CallbackInfo& info) {
    auto job = job_of(info, Job::Kind::transact);
    job->request = copy_of<Napi::Uint8Array>(info[0]);
    return submit(std::move(job));
  }

  Napi::Value begin_look(const Napi::CallbackInfo& info) {
    auto job = job_of(info, Job::Kind::begin_look);
    job->tags = copy_of<Napi::Float64Array>(info[0]);
    return submit(std::move(job));
  }

  Napi::Value learn(const Napi::CallbackInfo& info) {
    auto job = job_of(info, Job::Kind::learn);
    job->indexes = copy_of<Napi::Uint32Array>(info[0]);
    job->tags = copy_of<Napi::Float64Array>(info[1]);
    return submit(std::move(job));
  }

  Napi::Value lost(const Napi::CallbackInfo& info) { return submit(job_of(info, Job::Kind::lost)); }

  void close(const Napi::CallbackInfo&) { end(); }

  static std::unique_ptr<JsJob> job_of(const Napi::CallbackInfo& info, Job::Kind kind) {
    auto job = std::make_unique<JsJob>(info.Env());
    job->kind = kind;
    return job;
  }

  Napi::Value submit(std::unique_ptr<JsJob> job) {
    const Napi::Promise promise = job->promise.Promise();
    if (session_ == nullptr) {
      job->promise.Reject(Napi::Error::New(promise.Env(), "The rtnetlink session was closed.").Value());
      return promise;
    }
    session_->submit(std::move(job));
    return promise;
  }

  void end() {
    if (session_ == nullptr) return;
    session_->stop();
    session_.reset();
    done_.Release();
  }

  JobDone done_;
  std::unique_ptr<Session> session_;
};

class MonitorObject;
void deliver(Napi::Env env, Napi::Function callback, MonitorObject* monitor, void*);
using Notify = Napi::TypedThreadSafeFunction<MonitorObject, void, deliver>;

/** monitor(path, device, inode, groups, receiveBuffer, silentOverflow, callback): poke(), close(). */
class MonitorObject : public Napi::ObjectWrap<MonitorObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Monitor", {InstanceMethod<&MonitorObject::poke>("poke"), InstanceMethod<&MonitorObject::close>("close")});
  }

  explicit MonitorObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MonitorObject>(info) {
    MonitorOptions options;
    options.place = read_place(info);
    const auto groups = info[3].As<Napi::Uint32Array>();
    options.groups.assign(groups.Data(), groups.Data() + groups.ElementLength());
    options.receive_buffer = info[4].As<Napi::Number>().Int32Value();
    options.silent_overflow = info[5].As<Napi::Boolean>().Value();
    notify_ = Notify::New(info.Env(), info[6].As<Napi::Function>(), "netsoak-rtnl-monitor", 0, 1, this);
    monitor_ = std::make_shared<Monitor>(std::move(options), [this] { notify_.BlockingCall(); });
    // Delivery uses this object until the last queued call has run, which may be after the last reference to it is gone.
    Ref();
    monitor_->start();
  }

  ~MonitorObject() override { end(); }

  void give_report(Napi::Env env, Napi::Function callback) {
    if (monitor_ == nullptr) return;
    Report report = monitor_->take();
    auto object = Napi::Object::New(env);
    object.Set("lost", Napi::Number::New(env, report.lost));
    object.Set("drops", Napi::Number::New(env, report.drops));
    object.Set("drains", Napi::Number::New(env, report.drains));
    object.Set("errno", Napi::Number::New(env, report.fatal));
    object.Set("step", Napi::String::New(env, report.step));
    object.Set("receiveBuffer", Napi::Number::New(env, report.granted));
    object.Set("cookie", Napi::BigInt::New(env, report.cookie));
    put_messages(object, std::move(report.events));
    callback.Call({object});
  }

 private:
  void poke(const Napi::CallbackInfo&) {
    if (monitor_ != nullptr) monitor_->poke();
  }

  void close(const Napi::CallbackInfo&) {
    if (monitor_ == nullptr) return;
    end();
    Unref();
  }

  void end() {
    if (monitor_ == nullptr) return;
    monitor_->stop();
    monitor_.reset();
    notify_.Abort();
  }

  Notify notify_;
  std::shared_ptr<Monitor> monitor_;
};

void deliver(Napi::Env env, Napi::Function callback, MonitorObject* monitor, void*) {
  // No environment: aborted or ending; the object may be gone.
  if (env == nullptr || callback == nullptr) return;
  const Napi::HandleScope scope(env);
  monitor->give_report(env, callback);
}

/** tryLock(path): a file descriptor that holds an exclusive flock(2), or -errno (-EWOULDBLOCK: another process holds it). Never waits. */
Napi::Value try_lock(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return Napi::Number::New(info.Env(), -errno);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    ::close(fd);
    fd = -error;
  }
  return Napi::Number::New(info.Env(), fd);
}

/** unlock(fd): closing lets go. */
void unlock(const Napi::CallbackInfo& info) { ::close(info[0].As<Napi::Number>().Int32Value()); }

int64_t nanoseconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/** clocks(): CLOCK_MONOTONIC, CLOCK_BOOTTIME and CLOCK_REALTIME in nanoseconds. Boottime runs on in suspend, monotonic does not. */
Napi::Value clocks(const Napi::CallbackInfo& info) {
  auto result = Napi::BigInt64Array::New(info.Env(), 3);
  result[0] = nanoseconds(CLOCK_MONOTONIC);
  result[1] = nanoseconds(CLOCK_BOOTTIME);
  result[2] = nanoseconds(CLOCK_REALTIME);
  return result;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("Session", SessionObject::define(env));
  exports.Set("Monitor", MonitorObject::define(env));
  exports.Set("tryLock", Napi::Function::New<try_lock>(env));
  exports.Set("unlock", Napi::Function::New<unlock>(env));
  exports.Set("clocks", Napi::Function::New<clocks>(env));
  return exports;
}

}  // namespace
}  // namespace netsoak::rtnl

static Napi::Object netsoak_rtnl(Napi::Env env, Napi::Object exports) { return netsoak::rtnl::initialise(env, exports); }
NODE_API_MODULE(netsoak_rtnl, netsoak_rtnl)
