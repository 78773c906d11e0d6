// Messages of the API as JSON, the way `-o json` prints them: the API's field names in the API's
// order, integers as numbers, zeros and empty lists printed, enums by name, bytes as base64, times
// as RFC 3339, a message that is not set as null. (Protocol Buffers' own JSON prints 64-bit
// integers as strings.)
#ifndef WEIR_CLI_API_JSON_H_
#define WEIR_CLI_API_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace google::protobuf {
class Message;
class Timestamp;
}  // namespace google::protobuf

namespace weir {

nlohmann::ordered_json ToJson(const google::protobuf::Message& message);

// "2026-11-22T17:12:00.5Z".
std::string ToRfc3339(const google::protobuf::Timestamp& time);

}  // namespace weir

#endif  // WEIR_CLI_API_JSON_H_
