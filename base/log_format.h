// How log lines look; for the start of a process.
#ifndef WEIR_BASE_LOG_FORMAT_H_
#define WEIR_BASE_LOG_FORMAT_H_

namespace weir {

enum class LogFormat {
  kText,  // 2026-11-23T02:03:04.000005Z INFO job restarts job=activity-0a1b2c3d task=3
  // {"time":"2026-11-23T02:03:04.000005Z","level":"INFO","text":"job restarts","job":...}: one
  // object a line, every value a string, bytes that aren't UTF-8 replaced.
  kJson,
};

// Thread-safe; kText at first.
void SetLogFormat(LogFormat format);

}  // namespace weir

#endif  // WEIR_BASE_LOG_FORMAT_H_
