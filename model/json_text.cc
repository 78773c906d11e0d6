#include "model/json_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace weir {
namespace {

bool IsPlain(char c) { return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20; }

void AppendString(std::string_view text, std::string* out) {
  *out += '"';
  while (!text.empty()) {
    const auto stop = std::find_if_not(text.begin(), text.end(), IsPlain);
    const auto plain = static_cast<size_t>(stop - text.begin());
    *out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    if (text[0] == '"' || text[0] == '\\') {
      *out += '\\';
      *out += text[0];
    } else {
      absl::StrAppendFormat(out, "\\u%04x", static_cast<int>(text[0]));
    }
    text.remove_prefix(1);
  }
  *out += '"';
}

}  // namespace

std::string JsonString(std::string_view text) {
  std::string out;
  AppendString(text, &out);
  return out;
}

std::string JsonTime(EventTime time) {
  if (time == kMinEventTime) return "null";
  if (time == kMaxEventTime) return "\"infinity\"";
  return JsonString(absl::FormatTime("%E4Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMicros(time.micros),
                                     absl::UTCTimeZone()));
}

// Most grow to about that: better at once than in four steps.
JsonObject::JsonObject() {
  text_.reserve(128);
  text_ = '{';
}

JsonObject& JsonObject::Add(std::string_view key, int64_t value) {
  AddKey(key);
  absl::StrAppend(&text_, value);
  return *this;
}

JsonObject& JsonObject::Add(std::string_view key, std::string_view text) {
  AddKey(key);
  AppendString(text, &text_);
  return *this;
}

JsonObject& JsonObject::AddRaw(std::string_view key, std::string_view json) {
  AddKey(key);
  text_ += json;
  return *this;
}

void JsonObject::AddKey(std::string_view key) {
  if (text_.size() > 1) text_ += ',';
  AppendString(key, &text_);
  text_ += ':';
}

}  // namespace weir
