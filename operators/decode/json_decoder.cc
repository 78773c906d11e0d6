#include "operators/decode/json_decoder.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arrow/array/data.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/log.h"
#include "model/time_text.h"
#include "operators/bad_rows.h"
#include "operators/decode/json_column.h"
#include "operators/decode/json_keys.h"
#include "operators/decode/json_record.h"
#include "operators/decode/json_tokens.h"

namespace weir {
namespace {

// Text and tokens of one pass stay in the cache until they are used.
constexpr int64_t kPassBytes = 128 << 10;
// Kernels read whole words behind a text.
constexpr size_t kPadding = 64;

enum class Pseudo { kPartition, kOffset, kTimestamp, kKey };

std::optional<Pseudo> PseudoColumn(const SourceOp& source, const Column& column) {
  for (const Column& declared : source.declared.columns) {
    if (declared.name == column.name) return std::nullopt;
  }
  if (column.name == kPartitionColumn) return Pseudo::kPartition;
  if (column.name == kOffsetColumn) return Pseudo::kOffset;
  if (column.name == kTimestampColumn) return Pseudo::kTimestamp;
  if (column.name == kKeyColumn) return Pseudo::kKey;
  WEIR_CHECK(false, "source ", source.table, " doesn't declare column ", column.name);
}

const char* Explain(JsonTokens::Fault fault) {
  switch (fault) {
    case JsonTokens::Fault::kNone:
      break;
    case JsonTokens::Fault::kNotUtf8:
      return "not JSON: the record isn't valid UTF-8";
    case JsonTokens::Fault::kUnclosedString:
      return "not JSON: a string isn't closed";
    case JsonTokens::Fault::kControlCharacter:
      return "not JSON: a string isn't closed, or holds a control character that isn't escaped";
    case JsonTokens::Fault::kOther:
      return "not JSON";
  }
  CheckFailed(__FILE__, __LINE__, "a fault", "");
}

// Where payloads lie: in the arena, if it has the layout that parsing in one pass needs, else in a
// copy that has it.
struct Payloads {
  const char* text = nullptr;
  const int64_t* begin = nullptr;
  const int64_t* end = nullptr;
};

bool HasOnePassLayout(const RawRecords& raw) {
  if (raw.arena.capacity() - raw.arena.size() < kPadding) return false;
  int64_t next = -1;
  for (int64_t i = 0; i < raw.size(); ++i) {
    if (raw.IsTombstone(i)) continue;
    const int64_t end = raw.payload_end[i];
    if ((next >= 0 && raw.payload_begin[i] != next) || raw.arena[end] != '\n') return false;
    next = end + 1;
  }
  return true;
}

}  // namespace

class JsonDecoder::Impl {
 public:
  explicit Impl(const SourceOp& source)
      : source_(source),
        keys_(source.declared, JsonColumns(source, &columns_, &pseudo_)),
        parser_(&keys_, &columns_) {
    arrow_schema_ = ArrowSchema(source.output);
    const int event_time = source.event_time_column;
    if (event_time < 0) return;
    const Column& column = source.output.columns[event_time];
    const TypeKind kind = column.type.kind;
    WEIR_CHECK(kind == TypeKind::kTimestamp || kind == TypeKind::kTimestamptz,
               "event time of type ", ToString(column.type));
    std::optional<Pseudo> pseudo = PseudoColumn(source, column);
    event_time_is_record_time_ = pseudo == Pseudo::kTimestamp;
    if (!pseudo) event_time_ = ColumnNamed(column.name);
  }

  DecodedRecords Decode(const RawRecords& raw);

 private:
  struct PseudoWriter {
    Pseudo kind;
    int output;  // index in SourceOp::output
    ColumnWriter writer;
  };

  static std::vector<int> JsonColumns(const SourceOp& source, std::vector<JsonColumn>* columns,
                                      std::vector<PseudoWriter>* pseudo);
  JsonColumn* ColumnNamed(const std::string& name);

  Payloads Arrange(const RawRecords& raw);
  void DecodePass(const RawRecords& raw, const Payloads& payloads, int64_t first, int64_t last,
                  DecodedRecords* out);
  void DecodeAlone(const RawRecords& raw, const Payloads& payloads, int64_t record,
                   DecodedRecords* out);
  void CloseRow(const RawRecords& raw, int64_t record, DecodedRecords* out);
  void DropRow(int64_t record, const char* reason, std::string message, DecodedRecords* out);
  bool CheckRow(int64_t record, DecodedRecords* out);
  bool CheckEventTime(const RawRecords& raw, int64_t record, DecodedRecords* out);
  void FillPseudo(const RawRecords& raw, int64_t rows, const DecodedRecords& decoded);
  void Finish(const RawRecords& raw, DecodedRecords* out);

  const SourceOp& source_;
  std::shared_ptr<arrow::Schema> arrow_schema_;  // shared with every batch
  std::vector<JsonColumn> columns_;
  std::vector<PseudoWriter> pseudo_;
  JsonKeys keys_;
  JsonRecordParser parser_;
  JsonTokens tokens_;
  JsonColumn* event_time_ = nullptr;  // in columns_
  bool event_time_is_record_time_ = false;
  bool rows_are_records_ = true;  // so far: row i is record i

  std::string copy_;
  std::vector<int64_t> copy_begin_, copy_end_;
};

std::vector<int> JsonDecoder::Impl::JsonColumns(const SourceOp& source,
                                                std::vector<JsonColumn>* columns,
                                                std::vector<PseudoWriter>* pseudo) {
  std::vector<int> target(source.declared.columns.size(), -1);
  for (int i = 0; i < source.output.size(); ++i) {
    const Column& column = source.output.columns[i];
    if (std::optional<Pseudo> kind = PseudoColumn(source, column)) {
      pseudo->push_back({*kind, i, ColumnWriter(column.type)});
      continue;
    }
    for (size_t d = 0; d < target.size(); ++d) {
      if (source.declared.columns[d].name == column.name) {
        target[d] = static_cast<int>(columns->size());
      }
    }
    columns->emplace_back(column, source.timestamp_unit);
  }
  return target;
}

JsonColumn* JsonDecoder::Impl::ColumnNamed(const std::string& name) {
  for (JsonColumn& column : columns_) {
    if (column.column().name == name) return &column;
  }
  WEIR_CHECK(false, "no column ", name);
}

DecodedRecords JsonDecoder::Impl::Decode(const RawRecords& raw) {
  DecodedRecords out;
  const int64_t count = raw.size();
  for (JsonColumn& column : columns_) column.writer().Begin(count);
  out.raw_row.reserve(static_cast<size_t>(count));
  rows_are_records_ = true;
  const Payloads payloads = Arrange(raw);
  int64_t first = 0;
  while (first < count) {
    int64_t last = first;
    int64_t bytes = 0;
    for (; last < count && bytes < kPassBytes; ++last) {
      if (!raw.IsTombstone(last)) bytes += payloads.end[last] - payloads.begin[last] + 1;
    }
    DecodePass(raw, payloads, first, last, &out);
    first = last;
  }
  Finish(raw, &out);
  return out;
}

Payloads JsonDecoder::Impl::Arrange(const RawRecords& raw) {
  if (HasOnePassLayout(raw)) {
    return {raw.arena.data(), raw.payload_begin.data(), raw.payload_end.data()};
  }
  copy_.clear();
  copy_begin_.assign(static_cast<size_t>(raw.size()), -1);
  copy_end_.assign(static_cast<size_t>(raw.size()), -1);
  for (int64_t i = 0; i < raw.size(); ++i) {
    if (raw.IsTombstone(i)) continue;
    copy_begin_[i] = static_cast<int64_t>(copy_.size());
    copy_ += raw.Payload(i);
    copy_end_[i] = static_cast<int64_t>(copy_.size());
    copy_.push_back('\n');
  }
  copy_.append(kPadding, '\n');
  return {copy_.data(), copy_begin_.data(), copy_end_.data()};
}

// Records [first, last), whose texts lie one behind the other.
void JsonDecoder::Impl::DecodePass(const RawRecords& raw, const Payloads& payloads, int64_t first,
                                   int64_t last, DecodedRecords* out) {
  int64_t begin = -1;
  int64_t end = -1;
  for (int64_t i = first; i < last; ++i) {
    if (raw.IsTombstone(i)) continue;
    if (begin < 0) begin = payloads.begin[i];
    end = payloads.end[i];
  }
  if (begin < 0) {
    for (int64_t i = first; i < last; ++i) DecodeAlone(raw, payloads, i, out);
    return;
  }
  const char* text = payloads.text + begin;
  const size_t size = static_cast<size_t>(end - begin);
  if (tokens_.Scan(text, size) != JsonTokens::Fault::kNone) {
    for (int64_t i = first; i < last; ++i) DecodeAlone(raw, payloads, i, out);
    return;
  }
  const bool escapes = std::memchr(text, '\\', size) != nullptr;
  const uint32_t* t = tokens_.begin();
  for (int64_t i = first; i < last; ++i) {
    if (raw.IsTombstone(i)) {
      DecodeAlone(raw, payloads, i, out);
      continue;
    }
    const auto record_end = static_cast<uint32_t>(payloads.end[i] - begin);
    const uint32_t* behind = parser_.Parse(
        text, t, static_cast<uint32_t>(payloads.begin[i] - begin), record_end, escapes);
    if (behind != nullptr) [[likely]] {
      t = behind;
      CloseRow(raw, i, out);
    } else {
      while (*t < record_end) ++t;
      DropRow(i, parser_.reason(), parser_.message(), out);
    }
  }
}

// One record apart from the others: something near it isn't even text.
void JsonDecoder::Impl::DecodeAlone(const RawRecords& raw, const Payloads& payloads, int64_t record,
                                    DecodedRecords* out) {
  if (raw.IsTombstone(record)) {
    ++out->tombstones;
    rows_are_records_ = false;
    return;
  }
  // (The pass's raw_row has every row so far: see CloseRow.)
  const char* text = payloads.text + payloads.begin[record];
  const auto size = static_cast<size_t>(payloads.end[record] - payloads.begin[record]);
  const JsonTokens::Fault fault = tokens_.Scan(text, size);
  if (fault != JsonTokens::Fault::kNone) return DropRow(record, kBadSyntax, Explain(fault), out);
  if (parser_.Parse(text, tokens_.begin(), 0, static_cast<uint32_t>(size), /*escapes=*/true) ==
      nullptr) {
    return DropRow(record, parser_.reason(), parser_.message(), out);
  }
  CloseRow(raw, record, out);
}

void JsonDecoder::Impl::CloseRow(const RawRecords& raw, int64_t record, DecodedRecords* out) {
  if (!CheckRow(record, out) || !CheckEventTime(raw, record, out)) return;
  for (JsonColumn& column : columns_) column.CloseRow();
  out->raw_row.push_back(static_cast<uint32_t>(record));
}

// Whether every column can take what the record gave it.
bool JsonDecoder::Impl::CheckRow(int64_t record, DecodedRecords* out) {
  for (const JsonColumn& column : columns_) {
    if (column.state() == JsonColumn::State::kValue) continue;
    if (column.state() == JsonColumn::State::kBad) {
      DropRow(record, column.reason(), column.message(), out);
      return false;
    }
    if (column.column().nullable && &column != event_time_) continue;
    const bool absent = column.state() == JsonColumn::State::kAbsent;
    DropRow(record, kBadMissing,
            absl::StrCat(
                "column \"", column.column().name, "\" is ",
                &column == event_time_ ? "the event time" : "NOT NULL",
                absent ? ", and the record has no such key" : ", and the record has null for it"),
            out);
    return false;
  }
  return true;
}

// One event far ahead would make everything after it late.
bool JsonDecoder::Impl::CheckEventTime(const RawRecords& raw, int64_t record, DecodedRecords* out) {
  const int64_t record_ms = raw.timestamps_ms[record];
  EventTime time;
  if (event_time_ != nullptr) {
    const ColumnWriter& writer = event_time_->writer();
    time.micros = writer.fixed<int64_t>(writer.rows());
    const EventTime latest = SaturatingAdd(EventTime{record_ms * 1000}, source_.max_future_us);
    if (record_ms >= 0 && time > latest) {
      DropRow(record, kBadRange,
              absl::StrCat("column \"", event_time_->column().name,
                           "\" is the event time: ", FormatTimestamptz(time.micros),
                           " is further ahead of the record's Kafka "
                           "timestamp ",
                           FormatTimestamptz(record_ms * 1000), " than max_future allows"),
              out);
      return false;
    }
  } else if (event_time_is_record_time_) {
    if (record_ms < 0) {
      DropRow(record, kBadMissing,
              absl::StrCat("column \"", kTimestampColumn,
                           "\" is the event time, and the record has no timestamp"),
              out);
      return false;
    }
    time.micros = record_ms * 1000;
  } else {
    return true;
  }
  out->max_event_time = std::max(out->max_event_time, time);
  return true;
}

void JsonDecoder::Impl::DropRow(int64_t record, const char* reason, std::string message,
                                DecodedRecords* out) {
  for (JsonColumn& column : columns_) column.DropRow();
  rows_are_records_ = false;
  out->bad.push_back({static_cast<uint32_t>(record), reason, std::move(message)});
}

void JsonDecoder::Impl::FillPseudo(const RawRecords& raw, int64_t rows,
                                   const DecodedRecords& decoded) {
  for (PseudoWriter& pseudo : pseudo_) {
    ColumnWriter& writer = pseudo.writer;
    writer.Begin(rows);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t record = decoded.raw_row[row];
      bool has_value = true;
      switch (pseudo.kind) {
        case Pseudo::kPartition:
          writer.SetFixed(raw.partition);
          break;
        case Pseudo::kOffset:
          writer.SetFixed(raw.offsets[record]);
          break;
        case Pseudo::kTimestamp:
          has_value = raw.timestamps_ms[record] >= 0;
          writer.SetFixed(raw.timestamps_ms[record] * 1000);
          break;
        case Pseudo::kKey:
          has_value = raw.key_begin[record] >= 0;
          writer.SetText(raw.Key(record));
          break;
      }
      writer.CloseRow(has_value);
    }
  }
}

void JsonDecoder::Impl::Finish(const RawRecords& raw, DecodedRecords* out) {
  const auto rows = static_cast<int64_t>(out->raw_row.size());
  FillPseudo(raw, rows, *out);
  std::vector<std::shared_ptr<arrow::ArrayData>> data;
  size_t next_column = 0;
  size_t next_pseudo = 0;
  for (int i = 0; i < source_.output.size(); ++i) {
    if (next_pseudo < pseudo_.size() && pseudo_[next_pseudo].output == i) {
      data.push_back(pseudo_[next_pseudo++].writer.Finish());
    } else {
      data.push_back(columns_[next_column++].writer().Finish());
    }
  }
  out->columns = arrow::RecordBatch::Make(arrow_schema_, rows, std::move(data));
  if (rows_are_records_) out->raw_row.clear();
}

JsonDecoder::JsonDecoder(const SourceOp& source) : impl_(std::make_unique<Impl>(source)) {}
JsonDecoder::~JsonDecoder() = default;

DecodedRecords JsonDecoder::Decode(const RawRecords& raw) { return impl_->Decode(raw); }

}  // namespace weir
