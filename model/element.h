// What flows through channels: rows and, in order with them, the markers about them.
#ifndef WEIR_MODEL_ELEMENT_H_
#define WEIR_MODEL_ELEMENT_H_

#include <variant>

#include "model/batch.h"
#include "model/event_time.h"
#include "model/ids.h"

namespace weir {

// No later row of this channel is expected before `time`. Never goes back on a channel.
struct Watermark {
  EventTime time;
};

// Cuts the stream for checkpoint `id`: rows before it belong to the checkpoint, rows after it
// don't.
struct Barrier {
  Generation generation;
  CheckpointId id;
  // Sources emit nothing behind the barrier of a job's last checkpoint (stop, finish).
  bool last = false;
};

struct StatusChange {
  ChannelStatus status = ChannelStatus::kActive;
};

// The channel ends; nothing follows.
struct End {};

using Element = std::variant<Batch, Watermark, Barrier, StatusChange, End>;

}  // namespace weir

#endif  // WEIR_MODEL_ELEMENT_H_
