#include "base/log.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log_format.h"
#include "base/string_view.h"

namespace weir {
namespace {

std::atomic<LogLevel> log_level{LogLevel::kInfo};
std::atomic<LogFormat> log_format{LogFormat::kText};
thread_local std::string thread_role;

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarning:
      return "WARNING";
    case LogLevel::kError:
      return "ERROR";
  }
  return "?";
}

bool NeedsQuotes(const std::string& value) {
  if (value.empty()) return true;
  for (const unsigned char c : value)
    if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 127) return true;
  return false;
}

void AppendField(std::string_view key, const std::string& value, std::string* line) {
  absl::StrAppend(line, " ", AbslView(key), "=");
  // Quoted values stay on one line whatever they hold, so a record can't forge another line.
  if (NeedsQuotes(value)) {
    absl::StrAppend(line, "\"", absl::Utf8SafeCEscape(value), "\"");
  } else {
    absl::StrAppend(line, value);
  }
}

std::string TimeNow() {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone());
}

std::string TextLine(const char* level, std::string_view text,
                     std::initializer_list<LogField> fields) {
  std::string line = absl::StrCat(TimeNow(), " ", level, " ", AbslView(text));
  for (const LogField& field : fields) AppendField(field.key, field.value, &line);
  if (!thread_role.empty()) AppendField("thread", thread_role, &line);
  return line;
}

std::string JsonLine(const char* level, std::string_view text,
                     std::initializer_list<LogField> fields) {
  using Json = nlohmann::ordered_json;
  Json line = {{"time", TimeNow()}, {"level", level}, {"text", text}};
  for (const LogField& field : fields) line[std::string(field.key)] = field.value;
  if (!thread_role.empty()) line["thread"] = thread_role;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Line(const char* level, std::string_view text, std::initializer_list<LogField> fields) {
  switch (log_format.load(std::memory_order_relaxed)) {
    case LogFormat::kText:
      return TextLine(level, text, fields);
    case LogFormat::kJson:
      return JsonLine(level, text, fields);
  }
  return "";
}

// One write(2) per line: lines of several threads and processes on one pipe don't mix up to
// PIPE_BUF bytes, and on a file never.
void WriteLine(std::string line) {
  line.push_back('\n');
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(STDERR_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nowhere left to complain to
    rest.remove_prefix(written);
  }
}

}  // namespace

void SetLogFormat(LogFormat format) { log_format.store(format, std::memory_order_relaxed); }

void SetLogLevel(LogLevel level) { log_level.store(level, std::memory_order_relaxed); }

bool LogEnabled(LogLevel level) { return level >= log_level.load(std::memory_order_relaxed); }

void Log(LogLevel level, std::string_view text, std::initializer_list<LogField> fields) {
  if (!LogEnabled(level)) return;
  WriteLine(Line(LevelName(level), text, fields));
}

void SetThreadName(const std::string& role) {
  thread_role = role;
  pthread_setname_np(pthread_self(), role.substr(0, 15).c_str());
}

void CheckFailed(const char* file, int line, const char* condition, const std::string& message) {
  WriteLine(Line("FATAL",
                 absl::StrCat(file, ":", line, ": broken invariant: ", condition,
                              message.empty() ? "" : ": ", message),
                 {}));
  std::abort();
}

}  // namespace weir
