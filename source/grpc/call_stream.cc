#include "source/grpc/call_stream.h"

#include <array>
#include <limits>
#include <utility>

#include "absl/strings/escaping.h"

#include "source/base/concat.h"
#include "source/http/http2/codec.h"
#include "source/http/semantics.h"

namespace weir::grpc {
namespace {

using std::chrono::milliseconds;

// Longer is for ever.
constexpr milliseconds kLongestTimeout = std::chrono::hours(24 * 365);
constexpr size_t kMaxQuotedBytes = 100;

bool isBounded(const CallOptions& options) {
  return options.timeout.has_value() && *options.timeout <= kLongestTimeout;
}

// Bytes of the peer, made fit for a message.
std::string quoted(std::string_view text) {
  const std::string_view start = text.substr(0, kMaxQuotedBytes);
  return absl::CEscape(absl::string_view(start.data(), start.size()));
}

Code codeOf(const http::StreamError& error) {
  switch (error.reason) {
    case http::ErrorReason::kProtocol:
      return Code::kInternal;
    case http::ErrorReason::kStreamReset:
      return error.retry_safe ? Code::kUnavailable : Code::kInternal;
    case http::ErrorReason::kBodyTooLarge:
    case http::ErrorReason::kHeadTooLarge:
    case http::ErrorReason::kTargetTooLong:
      return Code::kResourceExhausted;
    case http::ErrorReason::kNone:
    case http::ErrorReason::kConnectionClosed:
    case http::ErrorReason::kConnectionReset:
    case http::ErrorReason::kConnectFailure:
    case http::ErrorReason::kConnectTimeout:
    case http::ErrorReason::kHeaderTimeout:
    case http::ErrorReason::kRequestTimeout:
    case http::ErrorReason::kIdleTimeout:
    case http::ErrorReason::kOverflow:
    case http::ErrorReason::kNoRoute:
    case http::ErrorReason::kNoCluster:
    case http::ErrorReason::kNoHealthyEndpoint:
    case http::ErrorReason::kFilter:
    case http::ErrorReason::kDrain:
      return Code::kUnavailable;
  }
  return Code::kUnavailable;
}

std::string_view authorityOf(const ChannelConfig& config, std::string_view peer) {
  if (!config.authority.empty()) return config.authority;
  return peer.starts_with("unix:") ? "localhost" : peer;
}

// The status of an answer that has none of gRPC.
Status fromHttp(uint16_t status) {
  return {http::httpToGrpc(status),
          base::concat("the server answered with HTTP status ", status, " and no grpc-status")};
}

}  // namespace

CallStream::CallStream(base::LocalRef<ChannelCore> core, CallOwner& owner, std::string_view path,
                       CallOptions options, CallHandler& handler)
    : core_(std::move(core)),
      owner_(&owner),
      handler_(&handler),
      path_(path),
      options_(std::move(options)),
      bounded_(isBounded(options_)),
      deadline_(core_->context.dispatcher().now() +
                (bounded_ ? *options_.timeout : kLongestTimeout)),
      deadline_timer_(core_->context.dispatcher().wheel(),
                      event::wheelCallback<&CallStream::onDeadline>, this),
      queue_(core_->context.io().blocks()),
      kept_(core_->context.io().blocks()),
      reader_(core_->context.io().blocks(), core_->config.max_message_bytes) {
  Status status = checkArguments();
  if (!status.ok()) {
    fail(std::move(status));
  } else if (bounded_ && options_.timeout->count() <= 0) {
    onDeadline();
  } else if (bounded_) {
    deadline_timer_.arm(*options_.timeout);
  }
}

CallStream::~CallStream() = default;

Status CallStream::checkArguments() const {
  if (!path_.starts_with('/') || !http::isTarget(path_)) {
    return {Code::kInternal, base::concat("method \"", quoted(path_),
                                          "\" is not of the form /package.Service/Method")};
  }
  return checkMetadata(options_.metadata);
}

void CallStream::begin(http::ClientCodec& codec, const std::string& peer) {
  state_ = State::kOpen;
  peer_ = &peer;
  encoder_ = &codec.newStream(*this);
  const bool end_stream = send_closed_ && queue_.empty();
  http::RequestHead& head = core_->context.requestHead();
  head.clear();
  writeHead(head, end_stream);
  if (!encoder_->encodeHead(head, end_stream)) {
    encoder_ = nullptr;
    return fail({Code::kInternal, base::concat(peer, ": the call's head could not be sent")});
  }
  end_sent_ = end_stream;
  stream_reads_ = read_enabled_;
  if (!read_enabled_) encoder_->setReadEnabled(false);
  flush();
}

void CallStream::writeHead(http::RequestHead& head, bool end_stream) const {
  const ChannelConfig& config = core_->config;
  head.method = "POST";
  head.scheme = core_->secure ? "https" : "http";
  head.authority = authorityOf(config, *peer_);
  head.path = path_;
  head.version = http::Version::kHttp2;
  head.framing = end_stream ? http::BodyFraming::kNone : http::BodyFraming::kChunked;
  head.headers.addView(http::HeaderId::kTe, "te", "trailers");
  head.headers.addView(http::HeaderId::kContentType, "content-type", "application/grpc");
  head.headers.add(http::HeaderId::kUserAgent, config.user_agent);
  if (bounded_) {
    const auto left = deadline_ - core_->context.dispatcher().now();
    std::array<char, 9> room;
    head.headers.add(
        http::kGrpcTimeoutName,
        http::formatGrpcTimeout(std::chrono::duration_cast<http::GrpcTimeout>(left), room));
  }
  writeMetadata(config.metadata, head.headers);
  writeMetadata(options_.metadata, head.headers);
}

// Sending.

bool CallStream::send(std::string_view message) {
  if (state_ >= State::kEnding || send_closed_ || !writable()) return false;
  if (message.size() > std::numeric_limits<int32_t>::max()) {
    fail({Code::kResourceExhausted,
          base::concat("a message of ", message.size(), " bytes is longer than gRPC can send")});
    return false;
  }
  const auto prefix = http::grpcPrefix(static_cast<uint32_t>(message.size()), false);
  queue_.append({prefix.data(), prefix.size()});
  queue_.append(message);
  flush();
  return true;
}

bool CallStream::writable() {
  const bool room = queue_.size() < queueLimit();
  if (!room) wants_room_ = true;
  return room && !send_closed_ && state_ < State::kEnding;
}

void CallStream::closeSend() {
  if (send_closed_ || state_ >= State::kEnding) return;
  send_closed_ = true;
  flush();
}

void CallStream::flush() {
  if (encoder_ == nullptr || blocked_ || end_sent_) return;
  if (queue_.empty() && !send_closed_) return;
  schedule();  // only at the end of a turn does the codec say that it has enough
  if (handed_over_ >= http::http2::kSendHighBytes) return;
  handed_over_ += queue_.size();
  keepForRetry();
  end_sent_ = send_closed_;
  if (!encoder_->encodeBody(queue_, end_sent_)) {
    encoder_ = nullptr;
    return fail({Code::kInternal, base::concat(*peer_, ": the call's messages could not be sent")});
  }
}

void CallStream::onRequestBlocked(bool blocked) {
  blocked_ = blocked;
  if (!blocked) flush();
}

void CallStream::tellWritable() {
  if (!wants_room_ || queue_.size() > queueLimit() / 2) return;
  wants_room_ = false;
  if (handler_ != nullptr && !send_closed_) handler_->onWritable();
}

// Once more.

// What is about to be sent stays at hand, by reference, while it may have to be sent again.
void CallStream::keepForRetry() {
  if (committed_) return;
  if (retried_ || kept_.size() + queue_.size() > core_->config.retry_bytes) return commit();
  buffer::Buffer sent(queue_.pool());
  while (!queue_.empty()) {
    const std::string_view piece = queue_.front();
    buffer::Slice slice = queue_.shareFront(piece.data(), piece.size());
    kept_.append(slice.share(0, slice.size()));
    sent.append(std::move(slice));
    queue_.drain(piece.size());
  }
  queue_ = std::move(sent);
}

void CallStream::commit() {
  committed_ = true;
  kept_.clear();
}

bool CallStream::mayRetry(const http::StreamError& error) const {
  return error.retry_safe && !answered_ && !retried_ && !committed_ && owner_ != nullptr;
}

void CallStream::retry() {
  core_->context.countRetry();
  retried_ = true;
  kept_.append(queue_);
  queue_ = std::move(kept_);
  kept_.clear();
  blocked_ = false;
  end_sent_ = false;
  state_ = State::kWaiting;
  base::ListNode<>::unlink();
  owner_->onCallWaits(*this);
}

// Receiving.

void CallStream::onHead(bool end_stream) {
  if (state_ != State::kOpen) return;
  answered_ = true;
  commit();
  if (owner_ != nullptr) owner_->onCallAnswered();
  if (!end_stream) return acceptHead();
  const bool foreign = head_.status != 200 && !head_.headers.has(http::kGrpcStatusName);
  endWith(foreign ? fromHttp(head_.status) : readStatus(head_.headers), head_.headers);
}

void CallStream::acceptHead() {
  if (head_.status != 200) return fail(fromHttp(head_.status));
  if (!http::isGrpc(head_.headers)) {
    return fail({Code::kUnknown,
                 base::concat("the server's answer is no gRPC: its content-type is \"",
                              quoted(head_.headers.get(http::HeaderId::kContentType)), "\"")});
  }
  Metadata headers;
  if (!readMetadata(head_.headers, headers)) {
    return fail({Code::kInternal, "the server's metadata has a -bin value that is not base64"});
  }
  if (handler_ != nullptr) handler_->onHeaders(headers);
}

void CallStream::onBody(buffer::Buffer& data, bool end_stream) {
  if (state_ != State::kOpen) return;
  reader_.add(data);
  deliverMessages();
  if (end_stream) onTrailers();  // there are none, which the status says
}

void CallStream::onTrailers() {
  if (state_ == State::kOpen) endWith(readStatus(trailers_), trailers_);
}

void CallStream::deliverMessages() {
  buffer::Buffer message(core_->context.io().blocks());
  while (handler_ != nullptr && read_enabled_ && !failed_ && state_ != State::kClosed) {
    bool compressed = false;
    message.clear();
    switch (reader_.next(message, compressed)) {
      case http::GrpcFrameReader::Result::kMore:
        return;
      case http::GrpcFrameReader::Result::kTooLarge:
        return fail(
            {Code::kResourceExhausted, base::concat("the server sent a message over the limit of ",
                                                    core_->config.max_message_bytes, " bytes")});
      case http::GrpcFrameReader::Result::kMalformed:
        return fail(
            {Code::kInternal, "the server's message begins with a flag that is not 0 or 1"});
      case http::GrpcFrameReader::Result::kMessage:
        break;
    }
    if (compressed) {
      return fail(
          {Code::kInternal, "the server sent a compressed message, which it was not told to do"});
    }
    handler_->onMessage(message.linearize(message.size()));
  }
}

void CallStream::setReadEnabled(bool enabled) {
  read_enabled_ = enabled;
  if (state_ == State::kOpen && !enabled && encoder_ != nullptr && stream_reads_) {
    stream_reads_ = false;
    encoder_->setReadEnabled(false);
  }
  if (enabled) schedule();
}

// Ending.

void CallStream::onReset(const http::StreamError& error) {
  encoder_ = nullptr;
  if (state_ != State::kOpen) return;
  if (mayRetry(error)) return retry();
  fail({codeOf(error),
        base::concat(*peer_, ": ",
                     error.detail().empty() ? "the stream was reset" : error.detail())});
}

// The answer is complete on the wire.
void CallStream::endWith(Status status, const http::HeaderMap& trailers) {
  encoder_ = nullptr;
  status_ = std::move(status);
  if (!readMetadata(trailers, trailing_metadata_) && status_.ok()) {
    status_ = {Code::kInternal, "the server's trailers have a -bin value that is not base64"};
  }
  state_ = State::kEnding;
  leaveChannel();
  schedule();
}

void CallStream::fail(Status status) {
  if (state_ == State::kClosed || failed_) return;
  failed_ = true;
  status_ = std::move(status);
  trailing_metadata_.clear();
  dropStream();
  leaveChannel();
  state_ = State::kEnding;
  schedule();
}

void CallStream::onDeadline() {
  const char* const stage = state_ == State::kWaiting ? "before there was a connection"
                            : answered_               ? "before the server ended the call"
                                                      : "before the server answered";
  std::string text =
      base::concat("the deadline of ", options_.timeout->count(), " ms passed ", stage);
  if (state_ == State::kWaiting && owner_ != nullptr && !owner_->failure().ok()) {
    text.append("; ").append(owner_->failure().message);
  }
  fail({Code::kDeadlineExceeded, std::move(text)});
}

void CallStream::channelGone() {
  owner_ = nullptr;
  base::ListNode<>::unlink();
  fail({Code::kUnavailable, "the channel was shut down"});
}

void CallStream::onTurnEnd() {
  deliverMessages();
  if (state_ == State::kOpen && read_enabled_ && !stream_reads_ && encoder_ != nullptr) {
    stream_reads_ = true;
    encoder_->setReadEnabled(true);
  }
  handed_over_ = 0;
  flush();
  if (state_ <= State::kOpen) tellWritable();
  if (state_ == State::kEnding) finishEnding();
}

void CallStream::finishEnding() {
  if (!failed_ && !reader_.betweenMessages()) {
    if (!read_enabled_) return;  // messages wait to be taken
    if (status_.ok()) status_ = {Code::kInternal, "the server ended in the midst of a message"};
  }
  state_ = State::kClosed;
  core_->context.countCall(status_.code);
  if (handler_ != nullptr) std::exchange(handler_, nullptr)->onClosed(status_, trailing_metadata_);
}

void CallStream::abandon() {
  handler_ = nullptr;
  if (state_ == State::kClosed) return;
  core_->context.countCall(state_ == State::kEnding ? status_.code : Code::kCancelled);
  dropStream();
  leaveChannel();
  state_ = State::kClosed;
  event::TurnEndTask::unlink();
}

void CallStream::dropStream() {
  if (encoder_ != nullptr) std::exchange(encoder_, nullptr)->reset();
  reader_.clear();
  queue_.clear();
  kept_.clear();
}

void CallStream::leaveChannel() {
  deadline_timer_.cancel();
  base::ListNode<>::unlink();
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->onCallOver(state_ == State::kWaiting);
}

}  // namespace weir::grpc
