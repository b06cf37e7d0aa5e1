#include "namespace_face.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "namespace_table.h"

namespace netsoak {
namespace {

constexpr size_t kNumbers = 4;
using Holder = Napi::External<NamespaceListPointer>;

NamespaceListPointer parse(const std::string& strings, const double* numbers, size_t count) {
  auto list = std::make_shared<NamespaceList>();
  const char* at = strings.data();
  const auto next = [&] {
    const char* const start = at;
    at += strlen(at) + 1;
    return std::string(start);
  };
  for (size_t i = 0; i < count; i++) {
    auto made = std::make_shared<Namespace>();
    made->path = next();
    made->name = next();
    made->container_id = next();
    made->container_runtime = next();
    made->id = {static_cast<uint64_t>(*numbers++), static_cast<uint64_t>(*numbers++)};
    made->generation = static_cast<uint64_t>(*numbers++);
    made->seen.populated = *numbers++ == 0;
    list->push_back(std::move(made));
  }
  return list;
}

int64_t integer(const Napi::Value& value) { return value.As<Napi::Number>().Int64Value(); }
uint64_t inode_of(const Napi::Value& value) { return static_cast<uint64_t>(value.As<Napi::Number>().DoubleValue()); }
std::string text(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }

std::vector<std::string> texts(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> list;
  for (uint32_t i = 0; i < array.Length(); i++) list.push_back(text(array.Get(i)));
  return list;
}

Napi::Value at(const Napi::CallbackInfo& info) {
  const NamespaceList& list = **info[0].As<Holder>().Data();
  const Namespace& one = *list.at(info[1].As<Napi::Number>().Uint32Value());
  Napi::Object object = Napi::Object::New(info.Env());
  object["path"] = one.path;
  object["device"] = static_cast<double>(one.id.device);
  object["inode"] = static_cast<double>(one.id.inode);
  object["name"] = one.name;
  object["containerId"] = one.container_id;
  object["containerRuntime"] = one.container_runtime;
  object["generation"] = static_cast<double>(one.generation);
  return object;
}

Napi::Value index_of(const Napi::CallbackInfo& info) {
  const NamespaceList& list = **info[0].As<Holder>().Data();
  const uint64_t inode = inode_of(info[1]);
  const auto found = std::find_if(list.begin(), list.end(), [&](const NamespacePointer& one) { return one->id.inode == inode; });
  return Napi::Number::New(info.Env(), found == list.end() ? -1 : static_cast<double>(found - list.begin()));
}

Napi::Value without(const Napi::CallbackInfo& info) {
  auto list = std::make_shared<NamespaceList>(**info[0].As<Holder>().Data());
  const auto left_out = info[1].As<Napi::Array>();
  for (uint32_t i = 0; i < left_out.Length(); i++) list->at(left_out.Get(i).As<Napi::Number>().Uint32Value()) = nullptr;
  list->erase(std::remove(list->begin(), list->end(), nullptr), list->end());
  return hold_namespaces(info.Env(), std::move(list));
}

Napi::Value length(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>((*info[0].As<Holder>().Data())->size()));
}

/** Work for a thread of libuv's pool, with a promise of what it gives. */
template <typename Result>
class Promised : public Napi::AsyncWorker {
 public:
  using Work = std::function<Result()>;
  using Convert = std::function<Napi::Value(Napi::Env, const Result&)>;
  static Napi::Value start(Napi::Env env, Work work, Convert convert) {
    auto* const promised = new Promised(env, std::move(work), std::move(convert));
    const Napi::Value promise = promised->deferred_.Promise();
    promised->Queue();
    return promise;
  }

 private:
  Promised(Napi::Env env, Work work, Convert convert)
      : AsyncWorker(env, "netsoak namespaces"), deferred_(Napi::Promise::Deferred::New(env)), work_(std::move(work)), convert_(std::move(convert)) {}
  void Execute() override { result_ = work_(); }
  void OnOK() override { deferred_.Resolve(convert_(Env(), result_)); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

  Napi::Promise::Deferred deferred_;
  const Work work_;
  const Convert convert_;
  Result result_{};
};

Napi::Value scan_object(Napi::Env env, const NamespaceTable::Scan& scan) {
  Napi::Object object = Napi::Object::New(env);
  object["error"] = scan.error;
  object["denied"] = static_cast<double>(scan.denied);
  Napi::Array unread = Napi::Array::New(env);
  for (const auto& [path, error] : scan.unread) {
    Napi::Object one = Napi::Object::New(env);
    one["path"] = path;
    one["errno"] = error;
    unread.Set(unread.Length(), one);
  }
  object["unread"] = unread;
  Napi::Array questions = Napi::Array::New(env);
  for (const auto& [inode, cgroups] : scan.questions) {
    Napi::HandleScope scope(env);
    Napi::Array question = Napi::Array::New(env);
    question.Set(uint32_t{0}, static_cast<double>(inode));
    for (const std::string& cgroup : cgroups) question.Set(question.Length(), cgroup);
    questions.Set(questions.Length(), question);
  }
  object["questions"] = questions;
  return object;
}

/** JS thread. */
class TableFace {
 public:
  explicit TableFace(NamespaceTable::Places places) : table_(std::make_shared<NamespaceTable>(std::move(places))) {}

  static Napi::Value open(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto self = std::make_shared<TableFace>(NamespaceTable::Places{texts(info[0]), text(info[1]), text(info[2])});
    Napi::Object face = Napi::Object::New(env);
    const auto add = [&](const char* name, Napi::Value (TableFace::*method)(const Napi::CallbackInfo&)) {
      face[name] = Napi::Function::New(env, [self, method](const Napi::CallbackInfo& call) { return (self.get()->*method)(call); });
    };
    add("scan", &TableFace::scan);
    add("contain", &TableFace::contain);
    add("list", &TableFace::list);
    add("look", &TableFace::look);
    add("forget", &TableFace::forget);
    add("someDied", &TableFace::some_died);
    add("size", &TableFace::size);
    return face;
  }

 private:
  Napi::Value scan(const Napi::CallbackInfo& info) {
    return Promised<NamespaceTable::Scan>::start(info.Env(), [table = table_, now = integer(info[0])] { return table->scan(now); }, scan_object);
  }
  Napi::Value contain(const Napi::CallbackInfo& info) {
    table_->contain(inode_of(info[0]), text(info[1]), text(info[2]), info[3].As<Napi::Boolean>());
    return info.Env().Undefined();
  }
  /** While nothing changes, the same value: a host that stays as it is makes no garbage. */
  Napi::Value list(const Napi::CallbackInfo& info) {
    NamespaceListPointer list = table_->list();
    if (list != list_) {
      held_ = Napi::Persistent(hold_namespaces(info.Env(), list).As<Napi::External<NamespaceListPointer>>());
      list_ = std::move(list);
    }
    return held_.Value();
  }
  Napi::Value look(const Napi::CallbackInfo& info) {
    NamespacePointer found;
    const NamespaceTable::Look look = table_->look(text(info[0]), integer(info[1]), found);
    // Ten thousand at once leave holes in the heap for good: made only for those who take it.
    const bool wanted = info[2].As<Napi::Boolean>();
    if (look == NamespaceTable::Look::kNew && wanted) return hold_namespaces(info.Env(), std::make_shared<NamespaceList>(NamespaceList{found}));
    return Napi::Boolean::New(info.Env(), look != NamespaceTable::Look::kAbsent);
  }
  Napi::Value forget(const Napi::CallbackInfo& info) {
    table_->forget(inode_of(info[0]), text(info[1]));
    return info.Env().Undefined();
  }
  Napi::Value some_died(const Napi::CallbackInfo& info) {
    return Promised<bool>::start(
        info.Env(), [table = table_, except = texts(info[0])] { return table->some_died(except); },
        [](Napi::Env env, const bool& died) -> Napi::Value { return Napi::Boolean::New(env, died); });
  }
  Napi::Value size(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), static_cast<double>(table_->size())); }

  const std::shared_ptr<NamespaceTable> table_;
  NamespaceListPointer list_;
  Napi::Reference<Holder> held_;
};

}  // namespace

Napi::Value hold_namespaces(Napi::Env env, NamespaceListPointer list) {
  // V8 does not see what a list weighs, and would let them pile up on a host where namespaces come and go.
  const auto weight = static_cast<int64_t>(list->size() * sizeof(NamespacePointer));
  Napi::MemoryManagement::AdjustExternalMemory(env, weight);
  return Holder::New(env, new NamespaceListPointer(std::move(list)), [weight](Napi::Env finalizing, NamespaceListPointer* held) {
    Napi::MemoryManagement::AdjustExternalMemory(finalizing, -weight);
    delete held;
  });
}

NamespaceListPointer namespaces_of(const Napi::Value& list, const Napi::Value& numbers) {
  if (list.IsExternal()) return *list.As<Holder>().Data();
  const auto array = numbers.As<Napi::Float64Array>();
  return parse(text(list), array.Data(), array.ElementLength() / kNumbers);
}

void add_namespaces(Napi::Env env, Napi::Object exports) {
  exports["namespaceTable"] = Napi::Function::New(env, TableFace::open);
  exports["namespacesLength"] = Napi::Function::New(env, length);
  exports["namespaceAt"] = Napi::Function::New(env, at);
  exports["namespaceIndex"] = Napi::Function::New(env, index_of);
  exports["namespacesWithout"] = Napi::Function::New(env, without);
}

}  // namespace netsoak
