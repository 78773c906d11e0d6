#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "cli/api_json.h"

namespace weir {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Timestamp;
using Json = nlohmann::ordered_json;

Json StringJson(const FieldDescriptor* field, const std::string& text) {
  if (field->type() == FieldDescriptor::TYPE_BYTES) return absl::Base64Escape(text);
  return text;
}

// A single field, or element `i` of a repeated one when i >= 0.
Json ValueJson(const Message& message, const FieldDescriptor* field, int i) {
  const Reflection& r = *message.GetReflection();
  const bool repeated = i >= 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return repeated ? r.GetRepeatedInt32(message, field, i) : r.GetInt32(message, field);
    case FieldDescriptor::CPPTYPE_INT64:
      return repeated ? r.GetRepeatedInt64(message, field, i) : r.GetInt64(message, field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return repeated ? r.GetRepeatedUInt32(message, field, i) : r.GetUInt32(message, field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return repeated ? r.GetRepeatedUInt64(message, field, i) : r.GetUInt64(message, field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return repeated ? r.GetRepeatedDouble(message, field, i) : r.GetDouble(message, field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return repeated ? r.GetRepeatedFloat(message, field, i) : r.GetFloat(message, field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return repeated ? r.GetRepeatedBool(message, field, i) : r.GetBool(message, field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return repeated ? r.GetRepeatedEnum(message, field, i)->name()
                      : r.GetEnum(message, field)->name();
    case FieldDescriptor::CPPTYPE_STRING:
      return StringJson(
          field, repeated ? r.GetRepeatedString(message, field, i) : r.GetString(message, field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (repeated) return ToJson(r.GetRepeatedMessage(message, field, i));
      if (!r.HasField(message, field)) return nullptr;
      return ToJson(r.GetMessage(message, field));
  }
  return nullptr;
}

// Entries of a map come in any order; sorted by key the output is the same every time.
Json MapJson(const Message& message, const FieldDescriptor* field) {
  const FieldDescriptor* key = field->message_type()->map_key();
  const FieldDescriptor* value = field->message_type()->map_value();
  std::map<std::string, Json> sorted;
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, field, i);
    const Json name = ValueJson(entry, key, -1);
    sorted[name.is_string() ? name.get<std::string>() : name.dump()] = ValueJson(entry, value, -1);
  }
  Json out = Json::object();
  for (auto& [name, element] : sorted) out[name] = std::move(element);
  return out;
}

Json FieldJson(const Message& message, const FieldDescriptor* field) {
  if (field->is_map()) return MapJson(message, field);
  if (!field->is_repeated()) return ValueJson(message, field, -1);
  Json list = Json::array();
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i)
    list.push_back(ValueJson(message, field, i));
  return list;
}

}  // namespace

nlohmann::ordered_json ToJson(const Message& message) {
  if (message.GetDescriptor() == Timestamp::descriptor())
    return ToRfc3339(static_cast<const Timestamp&>(message));
  Json out = Json::object();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    // A field of a oneof that holds another one is not part of the message.
    if (field->real_containing_oneof() != nullptr &&
        !message.GetReflection()->HasField(message, field))
      continue;
    out[field->name()] = FieldJson(message, field);
  }
  return out;
}

std::string ToRfc3339(const Timestamp& time) {
  const absl::Time instant =
      absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", instant, absl::UTCTimeZone());
}

}  // namespace weir
