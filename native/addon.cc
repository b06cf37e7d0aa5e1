// Glue between JavaScript and the reader: reads arguments, makes results, holds no logic. Types of both sides: addon.ts.
#include <napi.h>

#include "bytecode.h"
#include "capabilities.h"
#include "capture.h"
#include "checksum.h"
#include "destroy_session.h"
#include "ethtool.h"
#include "filter.h"
#include "lines.h"
#include "mutants.h"
#include "namespace_face.h"
#include "session.h"
#include "unixgram.h"

namespace netsoak {
namespace {

Format format_of(const Napi::Value& jsonl) { return jsonl.As<Napi::Boolean>() ? Format::kJsonl : Format::kProtobuf; }

Identity identity_of(const Napi::Value& value) {
  const auto texts = value.As<Napi::Array>();
  const auto text = [&](uint32_t index) { return texts.Get(index).As<Napi::String>().Utf8Value(); };
  Identity identity{text(0), text(1), text(2), text(3), text(4)};
  const auto number = [&](uint32_t index) { return static_cast<uint32_t>(strtoul(text(index).c_str(), nullptr, 10)); };
  constexpr uint32_t kFirst = 5, kEach = 8;
  for (uint32_t i = 0; i < 2 && kFirst + kEach * (i + 1) <= texts.Length(); i++) {
    const uint32_t at = kFirst + kEach * i;
    identity.uplinks[i] = {text(at), text(at + 1), text(at + 2), text(at + 5), text(at + 7), number(at + 3), number(at + 4), number(at + 6)};
  }
  return identity;
}

std::vector<uint8_t> bytes_of(const Napi::Value& value) {
  const auto bytes = value.As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.Data() + bytes.ByteLength()};
}

Napi::Value open_reader(const Napi::CallbackInfo& info) {
  const auto number = [&](size_t index) { return info[index].As<Napi::Number>().Uint32Value(); };
  // These may be left out.
  const std::vector<uint8_t> filter = info[8].IsUndefined() ? std::vector<uint8_t>() : bytes_of(info[8]);
  const Sample sample(info[9].IsUndefined() ? 1 : number(9));
  const bool checksums = info[10].IsBoolean() && info[10].As<Napi::Boolean>() && has_fast_crc32();
  ReaderSettings settings{number(0), number(1), format_of(info[2]), {number(3), number(4)}, {number(5), filter}, identity_of(info[6]), sample, checksums};
  return Session::open(info.Env(), std::move(settings), info[7].As<Napi::Object>())->face(info.Env());
}

Napi::Value open_destroy_listener(const Napi::CallbackInfo& info) {
  const auto number = [&](size_t index) { return info[index].As<Napi::Number>().Uint32Value(); };
  DestroySettings settings{number(0),
                           format_of(info[1]),
                           {number(2), number(3)},
                           number(4),
                           info[5].As<Napi::Number>().Int32Value(),
                           identity_of(info[8]),
                           bytes_of(info[6]),
                           Sample(number(7))};
  return DestroySession::open(info.Env(), std::move(settings), info[9].As<Napi::Object>())->face(info.Env());
}

Napi::Object counts_object(Napi::Env env, const Counts& counts) {
  Napi::Object object = Napi::Object::New(env);
  for (const auto& [key, count] : counts.all()) object.Set(key, static_cast<double>(count));
  return object;
}

Napi::Value decode(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto packets = info[0].As<Napi::Array>();
  const auto timestamps = info[1].As<Napi::BigInt64Array>();
  Identity identity;
  const bool identified = !info[3].IsUndefined();
  if (identified) identity = identity_of(info[3]);
  CaptureDecoder decoder(format_of(info[2]), identified ? &identity : nullptr);
  for (uint32_t i = 0; i < packets.Length(); i++) {
    Napi::HandleScope scope(env);
    const auto packet = packets.Get(i).As<Napi::Uint8Array>();
    decoder.packet(packet.Data(), packet.ByteLength(), timestamps[i]);
  }
  decoder.finish();

  Napi::Object object = Napi::Object::New(env);
  object["output"] = Napi::Buffer<char>::Copy(env, decoder.output.data(), decoder.output.size());
  object["rows"] = static_cast<double>(decoder.rows);
  object["unknown"] = counts_object(env, decoder.unknown);
  object["skipped"] = counts_object(env, decoder.skipped);
  return object;
}

Napi::Value compile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object object = Napi::Object::New(env);
  const auto result = compile_filter(info[0].As<Napi::String>().Utf8Value(), host_filter_names());
  if (const auto* const error = std::get_if<FilterError>(&result)) {
    object["column"] = static_cast<double>(error->column);
    object["message"] = error->message;
    return object;
  }
  const Filter& filter = std::get<Filter>(result);
  object["program"] = Napi::Buffer<uint8_t>::Copy(env, filter.program.data(), filter.program.size());
  object["mark"] = filter.needs.mark;
  object["cgroup"] = filter.needs.cgroup;
  object["autobound"] = filter.needs.autobound;
  return object;
}

Napi::Value selects(const Napi::CallbackInfo& info) {
  const auto program = info[0].As<Napi::Uint8Array>();
  const auto message = info[1].As<Napi::Uint8Array>();
  Decoder decoder;
  Row row;
  return Napi::Boolean::New(info.Env(), decoder.decode(message.Data(), message.ByteLength(), row) &&
                                            filter_selects(program.Data(), program.ByteLength(), subject_of(row)));
}

Napi::Value lines_of_envelope(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto envelope = info[0].As<Napi::Uint8Array>();
  const auto program = info[2].As<Napi::Uint8Array>();
  Lines lines;
  if (!envelope_lines(envelope.Data(), envelope.ByteLength(), format_of(info[1]), program.Data(), program.ByteLength(), lines)) {
    throw Napi::Error::New(env, "These bytes are no envelope.");
  }
  Napi::Object object = Napi::Object::New(env);
  object["text"] = Napi::Buffer<char>::Copy(env, lines.text.data(), lines.text.size());
  object["rows"] = static_cast<double>(lines.rows);
  return object;
}

Napi::Value keep(const Napi::CallbackInfo& info) {
  bool lossless;
  return Napi::Number::New(info.Env(), keep_capabilities(info[0].As<Napi::BigInt>().Uint64Value(&lossless)));
}

Napi::Value fields(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  const auto add = [&](uint32_t number, const char* name, const char* type, const char* source) {
    Napi::Object field = Napi::Object::New(env);
    field["number"] = number;
    field["name"] = name;
    field["type"] = type;
    field["source"] = source;
    list.Set(list.Length(), field);
  };
#define U8(number, name, block, offset) add(number, #name, "uint32", #block);
#define U16(number, name, block, offset) add(number, #name, "uint32", #block);
#define U32(number, name, block, offset) add(number, #name, "uint32", #block);
#define U64(number, name, block, offset) add(number, #name, "uint64", #block);
#define BE16(number, name, block, offset) add(number, #name, "uint32", #block);
#define BITS(number, name, block, offset, shift, bits) add(number, #name, "uint32", #block);
#define ADDRESS(number, name, block, offset) add(number, #name, "bytes", #block);
#define TEXT(number, name, block) add(number, #name, "string", #block);
#define CONGESTION(number, name, block) add(number, #name, "enum", #block);
#define OWN(number, name, type, part) add(number, #name, #type, "own");
#include "fields.def"
  return list;
}

Napi::Value steps(const Napi::CallbackInfo& info) {
  Napi::Array list = Napi::Array::New(info.Env());
  for (const char* name : kStepNames) list.Set(list.Length(), name);
  return list;
}

Napi::Value driver_info(const Napi::CallbackInfo& info) {
  DriverInfo found;
  if (!driver_of(info[0].As<Napi::String>().Utf8Value(), found)) return info.Env().Undefined();
  Napi::Object object = Napi::Object::New(info.Env());
  object["driver"] = found.driver;
  object["busInfo"] = found.bus_info;
  object["firmware"] = found.firmware;
  return object;
}

Napi::Value checksum(const Napi::CallbackInfo& info) {
  const auto bytes = info[0].As<Napi::Uint8Array>();
  const bool narrow = info[2].IsBoolean() && info[2].As<Napi::Boolean>();
  return Napi::Number::New(info.Env(), crc32(info[1].As<Napi::Number>().Uint32Value(), bytes.Data(), bytes.ByteLength(), narrow));
}

Napi::Value combine_checksums(const Napi::CallbackInfo& info) {
  const auto number = [&](size_t index) { return info[index].As<Napi::Number>().Uint32Value(); };
  return Napi::Number::New(info.Env(), crc32_combine(number(0), number(1), number(2)));
}

Napi::Value connect_datagram(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), connect_unix_datagram(info[0].As<Napi::String>().Utf8Value()));
}

Napi::Value send_one_datagram(const Napi::CallbackInfo& info) {
  const auto bytes = info[1].As<Napi::Uint8Array>();
  return Napi::Number::New(info.Env(), send_datagram(info[0].As<Napi::Number>().Int32Value(), bytes.Data(), bytes.ByteLength()));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  mutants::choose();
  exports["openReader"] = Napi::Function::New(env, open_reader);
  exports["decode"] = Napi::Function::New(env, decode);
  exports["openDestroyListener"] = Napi::Function::New(env, open_destroy_listener);
  exports["compileFilter"] = Napi::Function::New(env, compile);
  exports["filterSelects"] = Napi::Function::New(env, selects);
  exports["envelopeLines"] = Napi::Function::New(env, lines_of_envelope);
  exports["keepCapabilities"] = Napi::Function::New(env, keep);
  exports["connectUnixDatagram"] = Napi::Function::New(env, connect_datagram);
  exports["sendDatagram"] = Napi::Function::New(env, send_one_datagram);
  exports["fields"] = Napi::Function::New(env, fields);
  exports["steps"] = Napi::Function::New(env, steps);
  add_namespaces(env, exports);
  exports["driverInfo"] = Napi::Function::New(env, driver_info);
  exports["crc32Combine"] = Napi::Function::New(env, combine_checksums);
  if (has_fast_crc32()) exports["crc32"] = Napi::Function::New(env, checksum);
  return exports;
}

}  // namespace
}  // namespace netsoak

static Napi::Object init_module(Napi::Env env, Napi::Object exports) { return netsoak::init(env, exports); }
NODE_API_MODULE(netsoak, init_module)
