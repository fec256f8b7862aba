#include "test/support/http2_bodies.h"

#include <algorithm>

namespace weir::test::http2 {

void BodySender::add(uint32_t stream, std::string_view bytes) {
  streams_[stream].bytes += bytes;
}

void BodySender::end(uint32_t stream, const Fields& trailers) {
  Body& body = streams_[stream];
  body.ends = true;
  body.trailers = trailers;
}

bool BodySender::done(uint32_t stream) const {
  const auto found = streams_.find(stream);
  return found == streams_.end() || found->second.at == found->second.bytes.size();
}

void BodySender::takeUpdates() {
  const auto& frames = peer_.frames();
  for (; frames_seen_ < frames.size(); ++frames_seen_) {
    const Frame& frame = frames[frames_seen_];
    if (frame.type != FrameType::kWindowUpdate) continue;
    given_[frame.stream] += readBigEndian(frame.payload);
  }
}

int64_t BodySender::windowOf(uint32_t stream) const {
  const auto given = [&](uint32_t which) {
    const auto found = given_.find(which);
    return found == given_.end() ? 0 : found->second;
  };
  const int64_t of_stream =
      peer_.theirSetting(Setting::kInitialWindowSize, kDefaultWindow) + given(stream);
  return std::min<int64_t>(of_stream, kDefaultWindow + given(0));
}

// True when all is sent, the end included.
bool BodySender::pump(uint32_t stream, Body& body) {
  while (body.at < body.bytes.size()) {
    const auto left = static_cast<int64_t>(body.bytes.size() - body.at);
    const int64_t size = std::min({left, windowOf(stream), int64_t{kMinMaxFrameSize}});
    if (size <= 0) return false;
    const bool last = size == left && body.ends && body.trailers.empty();
    peer_.send(data(stream, std::string_view(body.bytes).substr(body.at, static_cast<size_t>(size)),
                    last ? kEndStream : kNoFlags));
    body.at += static_cast<size_t>(size);
    given_[stream] -= size;
    given_[0] -= size;
    if (last) return true;
  }
  if (!body.ends) return false;
  if (body.trailers.empty()) {
    peer_.send(data(stream, {}, kEndStream));
  } else {
    peer_.send(headers(stream, hpack::block(body.trailers), kEndHeaders | kEndStream));
  }
  return true;
}

void BodySender::pump() {
  takeUpdates();
  for (auto it = streams_.begin(); it != streams_.end();) {
    it = pump(it->first, it->second) ? streams_.erase(it) : std::next(it);
  }
}

}  // namespace weir::test::http2
