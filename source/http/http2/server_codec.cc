#include "source/http/http2/server_codec.h"

#include <memory>

namespace weir::http::http2 {

std::unique_ptr<ServerCodec> createServerCodec(const CodecServices& services, CodecOutput& output,
                                               ServerCodecCallbacks& callbacks) {
  return std::make_unique<NghttpServerCodec>(services, output, callbacks);
}

NghttpServerCodec::NghttpServerCodec(const CodecServices& services, CodecOutput& output,
                                     ServerCodecCallbacks& callbacks)
    : Session(Role::kServer, services, output),
      callbacks_(callbacks),
      drain_timer_(services.dispatcher.wheel(),
                   event::wheelCallback<&NghttpServerCodec::onNoticeTime>, this) {}

bool NghttpServerCodec::idAllowed(int32_t id) const {
  if (id > last_id_) return true;
  for (const Gap& gap : gaps_) {
    if (id >= gap.first && id <= gap.last) return false;
  }
  return true;
}

Stream* NghttpServerCodec::acceptStream(int32_t id) {
  if (id > last_id_ + 2) {
    gaps_[next_gap_] = {last_id_ + 2, id - 2};
    next_gap_ = (next_gap_ + 1) % kGaps;
  }
  last_id_ = id;
  if (activeStreams() >= services().options.max_concurrent_streams) {
    services().cells.limit(Limit::kStreams).add();
    countReset("too many streams over the limit");
    nghttp2_submit_rst_stream(native(), NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return nullptr;
  }
  auto* const stream = new IncomingStream(*this);
  for (const EarlyUpdate& early : early_updates_) {
    if (early.id == id) stream->startWith(early.priority);
  }
  stream->begin(callbacks_.newStream(*stream));
  return stream;
}

// ---- priority -------------------------------------------------------------------------------

void NghttpServerCodec::onPriorityField(Stream& stream, std::string_view value) {
  static_cast<IncomingStream&>(stream).priorityField(value);
}

void NghttpServerCodec::onPriorityUpdate(int32_t id, std::string_view value) {
  if (Stream* const stream = find(id)) {
    return static_cast<IncomingStream*>(stream)->priorityUpdate(value);
  }
  EarlyUpdate update{id, {}};
  mergePriority(value, update.priority);
  early_updates_[next_early_update_] = update;
  next_early_update_ = (next_early_update_ + 1) % kEarlyUpdates;
}

// ---- drain ----------------------------------------------------------------------------------

void NghttpServerCodec::drain() {
  if (drain_ != Drain::kNone || dead()) return;
  drain_ = Drain::kNoticed;
  nghttp2_submit_shutdown_notice(native());
  submitPing(kDrainPing);
  drain_timer_.arm(kNoticeTime);
  schedule();
}

void NghttpServerCodec::finishDrain() {
  if (drain_ != Drain::kNoticed || dead()) return;
  drain_ = Drain::kLast;
  drain_timer_.cancel();
  nghttp2_submit_goaway(native(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(native()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  schedule();
}

// The client read neither GOAWAY nor PING in time.
void NghttpServerCodec::onNoticeTime() {
  finishDrain();
}

void NghttpServerCodec::onGoawaySent(int32_t last_stream) {
  if (drain_ == Drain::kLast && last_stream != INT32_MAX) drain_ = Drain::kLastSent;
}

void NghttpServerCodec::afterCall() {
  if (drain_ != Drain::kLastSent || activeStreams() > 0 || openStreams() > 0) return;
  drain_ = Drain::kTold;
  callbacks_.onDrained();
}

bool NghttpServerCodec::closing() const {
  return dead() || drain_ == Drain::kTold;
}

}  // namespace weir::http::http2
