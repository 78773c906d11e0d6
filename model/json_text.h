// JSON text of a few values: commits and what is told about them.
#ifndef WEIR_MODEL_JSON_TEXT_H_
#define WEIR_MODEL_JSON_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "model/event_time.h"

namespace weir {

// Quoted and escaped; `text` is UTF-8.
std::string JsonString(std::string_view text);
// RFC 3339 in UTC with microseconds, "infinity" after the end of a bounded source, null before the
// first event.
std::string JsonTime(EventTime time);

// {"a":1,"b":"x"} in the order of adding.
class JsonObject {
 public:
  JsonObject();
  JsonObject& Add(std::string_view key, int64_t value);
  JsonObject& Add(std::string_view key, std::string_view text);
  JsonObject& AddRaw(std::string_view key, std::string_view json);
  std::string str() const { return text_ + "}"; }

 private:
  void AddKey(std::string_view key);

  std::string text_;
};

}  // namespace weir

#endif  // WEIR_MODEL_JSON_TEXT_H_
