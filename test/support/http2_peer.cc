#include "test/support/http2_peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace weir::test::http2 {
namespace {

using testing::AssertionFailure;
using testing::AssertionResult;
using testing::AssertionSuccess;

constexpr size_t kMostFramesKept = 100'000;

std::string find(const Fields& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (field.name == name) return field.value;
  }
  return {};
}

bool contains(const std::vector<ErrorCode>& codes, ErrorCode code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

std::string textOf(const std::vector<ErrorCode>& codes) {
  std::string text;
  for (const ErrorCode code : codes)
    text += (text.empty() ? "" : " or ") + std::string(nameOf(code));
  return text;
}

uint8_t definedFlags(FrameType type) {
  switch (type) {
    case FrameType::kData:
      return kEndStream | kPadded;
    case FrameType::kHeaders:
      return kEndStream | kEndHeaders | kPadded | kPriorityFlag;
    case FrameType::kSettings:
    case FrameType::kPing:
      return kAck;
    case FrameType::kPushPromise:
      return kEndHeaders | kPadded;
    case FrameType::kContinuation:
      return kEndHeaders;
    case FrameType::kPriority:
    case FrameType::kRstStream:
    case FrameType::kGoaway:
    case FrameType::kWindowUpdate:
    case FrameType::kPriorityUpdate:
      break;
  }
  return 0;
}

bool connectionSpecific(std::string_view name) {
  constexpr std::string_view kNames[] = {"connection", "proxy-connection", "keep-alive",
                                         "transfer-encoding", "upgrade"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// 8.2.1, of a regular field.
std::string wrongWith(const Field& field) {
  for (const char c : field.name) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte <= 0x20 || byte >= 0x7f || (byte >= 'A' && byte <= 'Z') || byte == ':')
      return "a character that no name has";
  }
  if (field.name.empty()) return "no name";
  if (field.value.find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos)
    return "NUL, CR or LF in a value";
  constexpr std::string_view kSpace = " \t";
  if (!field.value.empty() && (kSpace.find(field.value.front()) != kSpace.npos ||
                               kSpace.find(field.value.back()) != kSpace.npos))
    return "space around a value";
  if (connectionSpecific(field.name)) return "a field of the connection";
  if (field.name == "te" && field.value != "trailers") return "TE other than trailers";
  return {};
}

// The content of a frame that may be padded; nothing when the padding is wrong.
std::optional<std::string_view> unpadded(const Frame& frame) {
  std::string_view content = frame.payload;
  if (!frame.has(kPadded)) return content;
  if (content.empty()) return std::nullopt;
  const auto pad = static_cast<uint8_t>(content[0]);
  content.remove_prefix(1);
  if (pad > content.size()) return std::nullopt;
  content.remove_suffix(pad);
  return content;
}

}  // namespace

int Message::status() const {
  return std::atoi(find(head, ":status").c_str());
}

std::string Message::header(std::string_view name) const {
  return find(head, name);
}

size_t Message::count(std::string_view name) const {
  return static_cast<size_t>(std::count_if(head.begin(), head.end(),
                                           [&](const Field& field) { return field.name == name; }));
}

std::string Message::trailer(std::string_view name) const {
  return find(trailers, name);
}

std::string Message::text() const {
  std::string text = http2::textOf(head) + std::to_string(body.size()) + " bytes of body\n" +
                     http2::textOf(trailers);
  if (ended) text += "ended\n";
  if (reset) text += "reset: " + std::string(nameOf(*reset)) + "\n";
  return text;
}

Fields get(std::string_view path, const Fields& more) {
  Fields fields = {
      {":method", "GET"}, {":scheme", "http"}, {":path", std::string(path)}, {":authority", "a"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

Fields post(std::string_view path, const Fields& more) {
  Fields fields = get(path, more);
  fields[0].value = "POST";
  return fields;
}

Http2Peer::Http2Peer(Role role, base::UniqueFd fd)
    : role_(role),
      owned_(std::move(fd)),
      fd_(owned_.get()),
      next_stream_(role == Role::kClient ? 1 : 2) {}

Http2Peer::Http2Peer(RawConnection& connection)
    : role_(Role::kServer), fd_(connection.fd()), next_stream_(2) {}

Http2Peer Http2Peer::connectTo(uint16_t port) {
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return Http2Peer(Role::kClient, std::move(fd));
}

void Http2Peer::close() {
  if (owned_) {
    owned_.reset();
  } else {
    ::shutdown(fd_, SHUT_RDWR);
  }
  fd_ = -1;
  closed_ = true;
}

void Http2Peer::abort() {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close();
}

void Http2Peer::shutdownWrite() {
  ::shutdown(fd_, SHUT_WR);
}

// --- sending

bool Http2Peer::sendPreface(const Settings& values) {
  unacknowledged_.push_back(values);
  if (role_ == Role::kClient) return send(std::string(kClientPreface) + settings(values));
  return readPreface(deadline()) && send(settings(values));
}

bool Http2Peer::start(const Settings& values) {
  return sendPreface(values) && until([&] { return their_settings_ && settings_acks_ > 0; });
}

bool Http2Peer::send(std::string_view bytes) {
  const Time end = deadline();
  while (!bytes.empty()) {
    if (fd_ < 0 || reset_by_peer_) return false;
    pollfd wait{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (!closed_) wait.events |= POLLIN;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
    if ((wait.revents & POLLIN) != 0) receive();
    if ((wait.revents & (POLLOUT | POLLERR | POLLHUP)) == 0) continue;
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) continue;
    if (sent <= 0) {
      reset_by_peer_ = true;
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool Http2Peer::sendSettings(const Settings& values) {
  noteSettings(values);
  return send(settings(values));
}

void Http2Peer::noteWindow(uint32_t stream, uint32_t bytes) {
  if (stream == 0) {
    window_ += bytes;
  } else {
    windows_used_[stream] -= bytes;
  }
}

bool Http2Peer::openWindow(uint32_t stream, uint32_t bytes) {
  noteWindow(stream, bytes);
  return send(windowUpdate(stream, bytes));
}

uint32_t Http2Peer::request(const Fields& fields, bool end_stream) {
  const uint32_t stream = std::exchange(next_stream_, next_stream_ + 2);
  const auto flags = static_cast<uint8_t>(kEndHeaders | (end_stream ? kEndStream : 0));
  send(headers(stream, hpack::block(fields), flags));
  return stream;
}

bool Http2Peer::respond(uint32_t stream, int status, std::string_view body, const Fields& more) {
  Fields fields = {{":status", std::to_string(status)}};
  fields.insert(fields.end(), more.begin(), more.end());
  if (body.empty()) return send(headers(stream, hpack::block(fields), kEndHeaders | kEndStream));
  return send(headers(stream, hpack::block(fields)) + data(stream, body, kEndStream));
}

bool Http2Peer::roundTrip() {
  const std::string payload = bigEndian(0x7065657200000000 + ++pings_, 8);
  return send(ping(payload)) && until([&] { return last_pong_ == payload; });
}

// --- reading

bool Http2Peer::receive() {
  char chunk[64 * 1024];
  const ssize_t got = ::recv(fd_, chunk, sizeof chunk, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) {
    closed_ = true;
    return false;
  }
  in_.append(chunk, static_cast<size_t>(got));
  return true;
}

bool Http2Peer::fill(Time end) {
  if (closed_) return false;
  pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
  return receive();
}

bool Http2Peer::readPreface(Time end) {
  while (in_.size() - in_start_ < kClientPreface.size()) {
    if (!fill(end)) return false;
  }
  if (std::string_view(in_).substr(in_start_, kClientPreface.size()) != kClientPreface) {
    violation("3.4: the preface is wrong");
    return false;
  }
  in_start_ += kClientPreface.size();
  return true;
}

std::optional<Frame> Http2Peer::takeFrame() {
  const std::string_view bytes = std::string_view(in_).substr(in_start_);
  if (bytes.size() < kFrameHeaderBytes) return std::nullopt;
  const uint32_t length = readBigEndian(bytes.substr(0, 3));
  if (bytes.size() < kFrameHeaderBytes + length) return std::nullopt;
  Frame frame;
  frame.type = static_cast<FrameType>(bytes[3]);
  frame.flags = static_cast<uint8_t>(bytes[4]);
  frame.stream = readBigEndian(bytes.substr(5, 4)) & kMaxWindow;
  frame.reserved = (static_cast<uint8_t>(bytes[5]) & 0x80) != 0;
  frame.payload = bytes.substr(kFrameHeaderBytes, length);
  in_start_ += kFrameHeaderBytes + length;
  if (in_start_ == in_.size() || in_start_ > (1 << 20)) {
    in_.erase(0, in_start_);
    in_start_ = 0;
  }
  return frame;
}

std::optional<Frame> Http2Peer::next() {
  const Time end = deadline();
  while (true) {
    if (std::optional<Frame> frame = takeFrame()) {
      digest(*frame);
      return frame;
    }
    if (!fill(end)) return std::nullopt;
  }
}

bool Http2Peer::step(Time end) {
  while (true) {
    if (const std::optional<Frame> frame = takeFrame()) {
      digest(*frame);
      return true;
    }
    if (!fill(end)) return false;
  }
}

void Http2Peer::drain() {
  while (!closed_) {
    const size_t before = in_.size();
    if (!receive() || in_.size() == before) break;
    while (const std::optional<Frame> frame = takeFrame()) digest(*frame);
  }
  while (const std::optional<Frame> frame = takeFrame()) digest(*frame);
}

bool Http2Peer::readToEnd() {
  until([] { return false; });
  return closed_;
}

std::optional<uint32_t> Http2Peer::nextRequest() {
  if (!until([&] { return requests_given_ < requests_.size(); })) return std::nullopt;
  return requests_[requests_given_++];
}

const Message& Http2Peer::finish(uint32_t stream) {
  until([&] { return messages_[stream].over(); });
  return messages_[stream];
}

// --- what the frames say

void Http2Peer::violation(const std::string& what) {
  if (violations_.size() < 4096) violations_ += what + "\n";
}

void Http2Peer::checkHeader(const Frame& frame) {
  if (frame.payload.size() > max_frame_size_)
    violation("4.2: larger than SETTINGS_MAX_FRAME_SIZE: " + frame.text());
  if (frame.reserved) violation("4.1: the reserved bit is set: " + frame.text());
  if (frame.type <= FrameType::kContinuation &&
      (frame.flags & static_cast<uint8_t>(~definedFlags(frame.type))) != 0)
    violation("4.1: unused flags are set: " + frame.text());
  if (!their_settings_ && (frame.type != FrameType::kSettings || frame.has(kAck)))
    violation("3.4: the first frame is no SETTINGS: " + frame.text());
  if (block_open_ && (frame.type != FrameType::kContinuation || frame.stream != block_stream_))
    violation("4.3: within a field block: " + frame.text());
}

void Http2Peer::digest(const Frame& frame) {
  checkHeader(frame);
  if (manners.keep_frames && frames_.size() < kMostFramesKept) {
    frames_.push_back(frame);
    if (frame.type == FrameType::kData) frames_.back().payload.clear();
  }
  switch (frame.type) {
    case FrameType::kData:
      return digestData(frame);
    case FrameType::kHeaders:
    case FrameType::kPushPromise:
    case FrameType::kContinuation:
      return digestBlock(frame);
    case FrameType::kRstStream:
      if (frame.payload.size() != 4) violation("6.4: " + frame.text());
      messages_[frame.stream].reset = static_cast<ErrorCode>(readBigEndian(frame.payload));
      return;
    case FrameType::kSettings:
      return digestSettings(frame);
    case FrameType::kPing:
      if (frame.payload.size() != 8 || frame.stream != 0) violation("6.7: " + frame.text());
      if (frame.has(kAck)) {
        last_pong_ = frame.payload;
      } else if (manners.answer_pings) {
        send(ping(frame.payload, kAck));
      }
      return;
    case FrameType::kGoaway:
      return digestGoaway(frame);
    case FrameType::kWindowUpdate:
      return digestWindowUpdate(frame);
    case FrameType::kPriority:
    case FrameType::kPriorityUpdate:
      return;
  }
}

void Http2Peer::digestData(const Frame& frame) {
  Message& message = messages_[frame.stream];
  const auto bytes = static_cast<int64_t>(frame.payload.size());
  int64_t& used = windows_used_[frame.stream];
  window_ -= bytes;
  used += bytes;
  if (bytes > 0 && (window_ < 0 || used > initial_window_))
    violation("6.9.1: more than the window allows: " + frame.text());
  if (message.head.empty()) violation("8.1: content before the head: " + frame.text());
  if (message.over()) violation("5.1: on a closed stream: " + frame.text());
  const std::optional<std::string_view> content = unpadded(frame);
  if (!content) return violation("6.1: wrong padding: " + frame.text());
  message.body += *content;
  if (frame.has(kEndStream)) message.ended = true;
  if (!manners.open_windows || bytes == 0) return;
  window_ += bytes;
  std::string updates = windowUpdate(0, static_cast<uint32_t>(bytes));
  if (!message.over()) {
    used -= bytes;
    updates += windowUpdate(frame.stream, static_cast<uint32_t>(bytes));
  }
  send(updates);
}

void Http2Peer::digestBlock(const Frame& frame) {
  if (frame.type == FrameType::kContinuation) {
    if (!block_open_) return violation("6.10: nothing to continue: " + frame.text());
    block_ += frame.payload;
  } else {
    std::optional<std::string_view> content = unpadded(frame);
    if (!content) return violation("6.2: wrong padding: " + frame.text());
    block_promised_ = frame.type == FrameType::kPushPromise;
    const size_t before = block_promised_ ? 4 : frame.has(kPriorityFlag) ? 5 : 0;
    if (content->size() < before) return violation("6.2: too short: " + frame.text());
    block_ = content->substr(before);
    block_stream_ = frame.stream;
    block_ends_stream_ = !block_promised_ && frame.has(kEndStream);
  }
  block_open_ = !frame.has(kEndHeaders);
  if (!block_open_) digestFields(block_stream_, block_ends_stream_);
}

void Http2Peer::digestFields(uint32_t stream, bool end_stream) {
  std::optional<Fields> fields = decoder_.decode(block_);
  if (!fields) return violation("4.3: " + decoder_.why());
  if (block_promised_) return violation("8.4: a push");
  Message& message = messages_[stream];
  if (message.over()) violation("5.1: HEADERS on a closed stream " + std::to_string(stream));
  const bool trailers = !message.head.empty();
  checkHead(stream, *fields, trailers);
  if (trailers) {
    if (!end_stream) violation("8.1: trailers do not end the stream");
    message.trailers = *std::move(fields);
  } else if (find(*fields, ":status").starts_with("1")) {
    if (end_stream) violation("8.1: an interim response ends the stream");
    message.informational.push_back(*std::move(fields));
  } else {
    message.head = *std::move(fields);
    if (role_ == Role::kServer) requests_.push_back(stream);
  }
  if (end_stream) message.ended = true;
}

void Http2Peer::checkHead(uint32_t stream, const Fields& fields, bool trailers) {
  const std::string where = " on stream " + std::to_string(stream);
  if (role_ == Role::kServer && stream % 2 == 0) violation("5.1.1: an even number" + where);
  if (role_ == Role::kServer && !trailers && !requests_.empty() && stream <= requests_.back())
    violation("5.1.1: numbers go back" + where);
  bool regular = false;
  std::map<std::string, int> pseudo;
  for (const Field& field : fields) {
    if (!field.name.starts_with(":")) {
      regular = true;
      const std::string wrong = wrongWith(field);
      if (!wrong.empty()) violation("8.2: " + wrong + " in \"" + field.name + "\"" + where);
      continue;
    }
    if (regular) violation("8.3: \"" + field.name + "\" after regular fields" + where);
    if (++pseudo[field.name] > 1) violation("8.3: \"" + field.name + "\" twice" + where);
  }
  if (trailers) {
    if (!pseudo.empty()) violation("8.1: pseudo-header fields in trailers" + where);
    return;
  }
  if (role_ == Role::kClient) {
    const std::string status = find(fields, ":status");
    if (status.size() != 3 || pseudo.size() != 1) violation("8.3.2: wrong control data" + where);
    if (status == "101") violation("8.6: status 101" + where);
    return;
  }
  const bool tunnel = find(fields, ":method") == "CONNECT" && pseudo.count(":protocol") == 0;
  for (const char* name : {":method", ":scheme", ":path"}) {
    const bool wanted = !tunnel || std::string_view(name) == ":method";
    if (pseudo.count(name) != (wanted ? 1 : 0) || (wanted && find(fields, name).empty()))
      violation("8.3.1: " + std::string(name) + where);
  }
}

void Http2Peer::applyOurSettings() {
  if (unacknowledged_.empty()) return violation("6.5.3: an acknowledgement of nothing");
  for (const auto& [id, value] : unacknowledged_.front()) {
    if (id == Setting::kMaxFrameSize) max_frame_size_ = value;
    if (id == Setting::kInitialWindowSize) initial_window_ = value;
    if (id == Setting::kHeaderTableSize) decoder_.setLimit(value);
  }
  unacknowledged_.erase(unacknowledged_.begin());
}

void Http2Peer::checkSettings(Setting id, uint32_t value) {
  switch (id) {
    case Setting::kEnablePush:
      if (value > 1 || (role_ == Role::kClient && value != 0))
        violation("6.5.2: ENABLE_PUSH is " + std::to_string(value));
      return;
    case Setting::kInitialWindowSize:
      if (value > kMaxWindow) violation("6.5.2: INITIAL_WINDOW_SIZE is " + std::to_string(value));
      return;
    case Setting::kMaxFrameSize:
      if (value < kMinMaxFrameSize || value > kMaxMaxFrameSize)
        violation("6.5.2: MAX_FRAME_SIZE is " + std::to_string(value));
      return;
    case Setting::kEnableConnectProtocol:
    case Setting::kNoRfc7540Priorities:
      if (value > 1) violation("a setting that is 0 or 1 is " + std::to_string(value));
      return;
    case Setting::kHeaderTableSize:
    case Setting::kMaxConcurrentStreams:
    case Setting::kMaxHeaderListSize:
      return;
  }
}

void Http2Peer::digestSettings(const Frame& frame) {
  if (frame.stream != 0 || frame.payload.size() % 6 != 0) violation("6.5: " + frame.text());
  if (frame.has(kAck)) {
    if (!frame.payload.empty()) violation("6.5: " + frame.text());
    ++settings_acks_;
    return applyOurSettings();
  }
  their_settings_ = true;
  for (size_t at = 0; at + 6 <= frame.payload.size(); at += 6) {
    const std::string_view setting = std::string_view(frame.payload).substr(at, 6);
    const auto id = static_cast<Setting>(readBigEndian(setting.substr(0, 2)));
    theirs_[id] = readBigEndian(setting.substr(2));
    checkSettings(id, theirs_[id]);
  }
  if (manners.ack_settings) send(settingsAck());
}

void Http2Peer::digestWindowUpdate(const Frame& frame) {
  const uint32_t increment = readBigEndian(frame.payload);
  if (frame.payload.size() != 4 || increment == 0) violation("6.9: " + frame.text());
  if (frame.stream == 0) send_window_ += increment;
}

void Http2Peer::digestGoaway(const Frame& frame) {
  if (frame.payload.size() < 8 || frame.stream != 0) return violation("6.8: " + frame.text());
  const std::string_view payload = frame.payload;
  const uint32_t last = readBigEndian(payload.substr(0, 4)) & kMaxWindow;
  if (!goaways_.empty() && last > goaways_.back().last_stream)
    violation("6.8: the last stream's number grew");
  goaways_.push_back({last, static_cast<ErrorCode>(readBigEndian(payload.substr(4, 4))),
                      std::string(payload.substr(8))});
}

size_t Http2Peer::count(FrameType type, std::optional<uint32_t> stream) const {
  return static_cast<size_t>(std::count_if(frames_.begin(), frames_.end(), [&](const Frame& frame) {
    return frame.type == type && (!stream || frame.stream == *stream);
  }));
}

uint32_t Http2Peer::theirSetting(Setting id, uint32_t otherwise) const {
  const auto found = theirs_.find(id);
  return found == theirs_.end() ? otherwise : found->second;
}

std::string Http2Peer::whatCame() const {
  std::string text = "came:";
  const size_t first = frames_.size() > 20 ? frames_.size() - 20 : 0;
  for (size_t i = first; i < frames_.size(); ++i) {
    text += "\n  " + frames_[i].text();
    if (frames_[i].type == FrameType::kRstStream)
      text += " " + std::string(nameOf(static_cast<ErrorCode>(readBigEndian(frames_[i].payload))));
  }
  for (const Goaway& goaway : goaways_)
    text += "\n  GOAWAY " + std::string(nameOf(goaway.code)) + " last " +
            std::to_string(goaway.last_stream) + " " + goaway.debug;
  if (closed_) text += "\n  the end of the connection";
  if (frames_.empty() && in_.size() > in_start_) text += "\n  " + in_.substr(in_start_, 200);
  return text + "\n";
}

// --- expectations

AssertionResult Http2Peer::connectionError(const std::vector<ErrorCode>& codes, bool or_silently) {
  const bool ended = readToEnd();
  for (const Goaway& goaway : goaways_) {
    if (goaway.code == ErrorCode::kNoError) continue;
    if (!contains(codes, goaway.code)) {
      return AssertionFailure() << "GOAWAY says " << nameOf(goaway.code) << ", not "
                                << textOf(codes) << "; " << whatCame();
    }
    if (!ended) return AssertionFailure() << "the connection stays after GOAWAY; " << whatCame();
    return AssertionSuccess();
  }
  if (ended && or_silently) return AssertionSuccess();
  return AssertionFailure() << "no GOAWAY with " << textOf(codes) << "; " << whatCame();
}

AssertionResult Http2Peer::streamError(uint32_t stream, const std::vector<ErrorCode>& codes) {
  const Message& message = messages_[stream];
  const auto failed = [&] {
    return !goaways_.empty() && goaways_.back().code != ErrorCode::kNoError;
  };
  until([&] { return message.reset.has_value() || failed(); });
  if (!message.reset) return connectionError(codes);
  if (contains(codes, *message.reset)) return AssertionSuccess();
  return AssertionFailure() << "RST_STREAM says " << nameOf(*message.reset) << ", not "
                            << textOf(codes) << "; " << whatCame();
}

AssertionResult Http2Peer::refusedAsMalformed(uint32_t stream) {
  const Message& message = messages_[stream];
  const auto failed = [&] {
    return !goaways_.empty() && goaways_.back().code != ErrorCode::kNoError;
  };
  until([&] { return message.over() || failed(); });
  if (message.status() >= 400 && message.status() < 500 && message.over())
    return AssertionSuccess();
  if (message.status() != 0 && !message.reset)
    return AssertionFailure() << "answered with " << message.status() << "; " << whatCame();
  return streamError(stream, {ErrorCode::kProtocolError});
}

AssertionResult Http2Peer::responds(uint32_t stream, int status) {
  const Message& message = finish(stream);
  if (message.status() == status && message.ended &&
      (!message.reset || *message.reset == ErrorCode::kNoError))
    return AssertionSuccess();
  return AssertionFailure() << "no whole response " << status << " on stream " << stream << ":\n"
                            << message.text() << whatCame();
}

AssertionResult Http2Peer::serves(std::string_view path) {
  return responds(request(get(path)), 200);
}

}  // namespace weir::test::http2
