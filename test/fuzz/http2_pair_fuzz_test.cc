// What the client half encodes the server half decodes, and the other way round: the input is a
// script of what both sides do, and how much of what they sent is carried when.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "test/fuzz/entry_point.h"
#include "test/http/http2/codec_pair.h"

namespace weir::http::http2 {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

// One direction of one exchange.
struct Sent {
  std::string body;
  bool ended = false;
  bool trailers = false;
};

class Script {
 public:
  explicit Script(std::string_view bytes) : bytes_(bytes) {
    pair_.server.on_head = [this](ServerSideStream&) { answers_.emplace_back(); };
    pair_.start();
  }

  void run() {
    while (!bytes_.empty()) step();
    for (ClientSideStream& stream : pair_.client.streams) {
      if (stream.encoder != nullptr && !over(stream)) stream.encoder->setReadEnabled(true);
    }
    for (ServerSideStream& stream : pair_.server.streams) {
      if (stream.encoder != nullptr) stream.encoder->setReadEnabled(true);
    }
    pair_.run();
    pair_.run();
    check();
  }

 private:
  size_t next() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  static bool over(const ClientSideStream& stream) {
    return stream.seen.ended || stream.seen.reset;
  }

  void step() {
    switch (next() % 10) {
      case 0:
        return ask();
      case 1:
      case 2:
        return sendRequest();
      case 3:
      case 4:
        return answer();
      case 5:
        return pair_.runSlowly(1 + next() * 64);
      case 6:
        return pauseClient();
      case 7:
        return pauseServer();
      case 8:
        return giveUp();
      default:
        return pair_.run();
    }
  }

  ClientSideStream* asking(size_t& index) {
    if (asked_.empty()) return nullptr;
    index = next() % asked_.size();
    ClientSideStream& stream =
        *std::next(pair_.client.streams.begin(), static_cast<std::ptrdiff_t>(index));
    return stream.encoder == nullptr || over(stream) ? nullptr : &stream;
  }
  ServerSideStream* answering(size_t& index) {
    if (answers_.empty()) return nullptr;
    index = next() % answers_.size();
    ServerSideStream& stream = pair_.server.at(index);
    return stream.encoder == nullptr ? nullptr : &stream;
  }

  void ask() {
    if (pair_.client.codec->freeStreams() == 0) return;
    ClientSideStream& stream = pair_.client.post("/" + std::to_string(asked_.size()));
    require(stream.encoder != nullptr, "a request can be begun");
    asked_.emplace_back();
  }

  std::string piece() {
    const size_t kind = next();
    return std::string(kind < 200 ? kind : kind * 300, static_cast<char>('a' + next() % 26));
  }

  void sendRequest() {
    size_t index = 0;
    ClientSideStream* const stream = asking(index);
    if (stream == nullptr || asked_[index].ended) return;
    Sent& sent = asked_[index];
    const std::string text = piece();
    sent.ended = next() % 4 == 0;
    sent.trailers = sent.ended && next() % 2 == 0;
    sent.body += text;
    require(stream->sendBody(text, sent.ended && !sent.trailers), "a body can be sent");
    if (sent.trailers) require(stream->encoder->encodeTrailers(trailers()), "and trailers");
  }

  void answer() {
    size_t index = 0;
    ServerSideStream* const stream = answering(index);
    if (stream == nullptr || answers_[index].ended) return;
    Sent& sent = answers_[index];
    if (headed_.size() <= index) headed_.resize(index + 1);
    if (!headed_[index]) {
      headed_[index] = true;
      return stream->sendHead(200);
    }
    const std::string text = piece();
    sent.ended = next() % 4 == 0 && stream->seen.ended;
    sent.trailers = sent.ended && next() % 2 == 0;
    sent.body += text;
    stream->sendBody(text, sent.ended && !sent.trailers);
    if (sent.trailers) stream->encoder->encodeTrailers(trailers());
  }

  const HeaderMap& trailers() {
    trailers_.clear();
    arena_.clear();
    trailers_.add("t", "1");
    return trailers_;
  }

  void pauseClient() {
    size_t index = 0;
    ClientSideStream* const stream = asking(index);
    if (stream != nullptr) stream->encoder->setReadEnabled(next() % 2 == 0);
  }
  void pauseServer() {
    size_t index = 0;
    ServerSideStream* const stream = answering(index);
    if (stream != nullptr) stream->encoder->setReadEnabled(next() % 2 == 0);
  }
  void giveUp() {
    size_t index = 0;
    if (next() % 2 == 0) {
      ClientSideStream* const stream = asking(index);
      if (stream == nullptr) return;
      stream->encoder->reset();
      stream->encoder = nullptr;
    } else {
      ServerSideStream* const stream = answering(index);
      if (stream == nullptr) return;
      stream->encoder->reset({ErrorOrigin::kLocal, ErrorReason::kFilter});
      stream->encoder = nullptr;
    }
  }

  void check() {
    require(pair_.server_error.reason == ErrorReason::kNone, "no error at the server");
    require(pair_.client_error.reason == ErrorReason::kNone, "no error at the client");
    for (size_t i = 0; i < answers_.size(); ++i) {
      ServerSideStream& far = pair_.server.at(i);
      const size_t number = std::stoul(std::string(far.head.path.substr(1)));
      const ClientSideStream& near =
          *std::next(pair_.client.streams.begin(), static_cast<std::ptrdiff_t>(number));
      require(far.seen.misuse.empty(), far.seen.misuse.c_str());
      require(near.seen.misuse.empty(), near.seen.misuse.c_str());
      const bool whole = near.encoder != nullptr && !near.seen.reset && !far.seen.reset &&
                         (far.encoder != nullptr || far.complete);
      if (!whole) continue;
      require(far.seen.body == asked_[number].body, "the request's body");
      require(far.seen.ended == asked_[number].ended, "the request's end");
      require(far.seen.trailers.empty() != asked_[number].trailers, "the request's trailers");
      require(near.seen.body == answers_[i].body, "the answer's body");
      require(near.seen.ended == answers_[i].ended, "the answer's end");
      require(near.seen.trailers.empty() != answers_[i].trailers, "the answer's trailers");
    }
  }

  std::string_view bytes_;
  CodecPair pair_;
  std::vector<Sent> asked_;
  std::vector<Sent> answers_;
  std::vector<bool> headed_;
  base::Arena arena_;
  HeaderMap trailers_{arena_};
};

}  // namespace
}  // namespace weir::http::http2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 2000) return 0;
  weir::http::http2::Script({reinterpret_cast<const char*>(data), size}).run();
  return 0;
}
