#include "test/grpc/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "gtest/gtest.h"

namespace weir::grpc::test {
namespace {

std::vector<nghttp2_nv> toNv(const Fields& fields) {
  std::vector<nghttp2_nv> out;
  for (const auto& [name, value] : fields) {
    out.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                   reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                   value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return out;
}

}  // namespace

std::string framed(std::string_view message, char flag) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string out(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 0xff);
  return out.append(message);
}

// ServerStream

std::string ServerStream::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

std::vector<std::string> ServerStream::messages() const {
  std::vector<std::string> out;
  std::string_view rest = body;
  while (rest.size() >= 5) {
    uint32_t length = 0;
    for (int i = 1; i < 5; ++i) length = length << 8 | static_cast<uint8_t>(rest[i]);
    if (rest.size() - 5 < length) break;
    out.emplace_back(rest.substr(5, length));
    rest.remove_prefix(5 + length);
  }
  return out;
}

ssize_t ServerStream::read(uint8_t* out, size_t room, uint32_t* flags) {
  const size_t count = std::min(room, outgoing_.size() - sent_);
  std::memcpy(out, outgoing_.data() + sent_, count);
  sent_ += count;
  if (sent_ < outgoing_.size()) return static_cast<ssize_t>(count);
  if (!finished_) return count == 0 ? ssize_t{NGHTTP2_ERR_DEFERRED} : static_cast<ssize_t>(count);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (with_trailers_) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const auto fields = toNv(trailers_);
    nghttp2_submit_trailer(connection_.session_, id_, fields.data(), fields.size());
  }
  return static_cast<ssize_t>(count);
}

void ServerStream::resume() {
  nghttp2_session_resume_data(connection_.session_, id_);
  connection_.flush();
}

void ServerStream::rawHead(const Fields& fields, bool end_stream) {
  head_sent_ = true;
  const auto list = toNv(fields);
  if (end_stream) {
    nghttp2_submit_response(connection_.session_, id_, list.data(), list.size(), nullptr);
  } else {
    nghttp2_data_provider provider{};
    provider.source.ptr = this;
    provider.read_callback = [](nghttp2_session*, int32_t, uint8_t* out, size_t room,
                                uint32_t* flags, nghttp2_data_source* source, void*) {
      return static_cast<ServerStream*>(source->ptr)->read(out, room, flags);
    };
    nghttp2_submit_response(connection_.session_, id_, list.data(), list.size(), &provider);
  }
  connection_.flush();
}

void ServerStream::head(const Fields& more) {
  Fields fields = {{":status", "200"}, {"content-type", "application/grpc"}};
  fields.insert(fields.end(), more.begin(), more.end());
  rawHead(fields, false);
}

void ServerStream::data(std::string_view bytes, bool end_stream) {
  outgoing_.append(bytes);
  finished_ = finished_ || end_stream;
  resume();
}

void ServerStream::message(std::string_view bytes) {
  data(framed(bytes));
}

void ServerStream::trailers(const Fields& fields) {
  trailers_ = fields;
  with_trailers_ = finished_ = true;
  resume();
}

void ServerStream::status(int code, std::string_view message) {
  Fields fields = {{"grpc-status", std::to_string(code)}};
  if (!message.empty()) fields.emplace_back("grpc-message", message);
  if (head_sent_) return trailers(fields);
  fields.insert(fields.begin(), {{":status", "200"}, {"content-type", "application/grpc"}});
  rawHead(fields, true);
}

void ServerStream::reply(std::string_view bytes) {
  head();
  message(bytes);
  status(0);
}

void ServerStream::reset(uint32_t code) {
  nghttp2_submit_rst_stream(connection_.session_, NGHTTP2_FLAG_NONE, id_, code);
  connection_.flush();
}

// ServerConnection

struct ServerConnection::Callbacks {
  static ServerConnection& of(void* user) { return *static_cast<ServerConnection*>(user); }
  static ServerStream* find(void* user, int32_t id) {
    const auto found = of(user).streams_.find(id);
    return found == of(user).streams_.end() ? nullptr : found->second.get();
  }
  static int beginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& self = of(user);
    auto& stream = self.streams_[frame->hd.stream_id];
    if (!stream) stream = std::make_unique<ServerStream>(self, frame->hd.stream_id);
    return 0;
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                    size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                    void* user) {
    find(user, frame->hd.stream_id)
        ->headers.emplace_back(std::string(reinterpret_cast<const char*>(name), name_size),
                               std::string(reinterpret_cast<const char*>(value), value_size));
    return 0;
  }
  static int dataChunk(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size,
                       void* user) {
    find(user, id)->body.append(reinterpret_cast<const char*>(data), size);
    if (of(user).options_.consume) of(user).consume(id, size);
    return 0;
  }
  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& self = of(user);
    if (frame->hd.type == NGHTTP2_GOAWAY) self.goaway_received_ = true;
    ServerStream* const stream = find(user, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      stream->reset_received = true;
      stream->reset_code = frame->rst_stream.error_code;
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
        (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS)) {
      stream->ended = true;
    }
    if (frame->hd.type == NGHTTP2_HEADERS && self.on_request_) self.on_request_(*stream);
    return 0;
  }
};

ServerConnection::ServerConnection(std::unique_ptr<network::Connection> connection,
                                   const ServerOptions& options,
                                   std::function<void(ServerStream&)> on_request)
    : options_(options), on_request_(std::move(on_request)), connection_(std::move(connection)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &Callbacks::beginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &Callbacks::header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Callbacks::dataChunk);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Callbacks::frame);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_auto_ping_ack(option, options.answer_pings ? 0 : 1);
  nghttp2_session_server_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  connection_->setHandler(*this);
  connection_->start();
  if (!options.send_settings) return;
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.max_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.window_bytes}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 2);
  flush();
}

ServerConnection::~ServerConnection() {
  nghttp2_session_del(session_);
}

std::vector<ServerStream*> ServerConnection::streams() {
  std::vector<ServerStream*> out;
  for (const auto& [id, stream] : streams_) out.push_back(stream.get());
  return out;
}

void ServerConnection::onData(buffer::Buffer& data, bool end_stream) {
  receiving_ = true;
  while (!data.empty()) {
    const std::string_view piece = data.front();
    const ssize_t count = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const uint8_t*>(piece.data()), piece.size());
    EXPECT_GE(count, 0) << nghttp2_strerror(static_cast<int>(count));
    if (count < 0) return close();
    data.drain(piece.size());
  }
  receiving_ = false;
  flush();
  if (end_stream) connection_->close(network::CloseMode::kNow);
}

void ServerConnection::flush() {
  if (receiving_ || closed_ || !connection_->open() || !options_.send_settings) return;
  const uint8_t* bytes = nullptr;
  while (true) {
    const ssize_t count = nghttp2_session_mem_send(session_, &bytes);
    if (count <= 0) break;
    connection_->output().append(
        {reinterpret_cast<const char*>(bytes), static_cast<size_t>(count)});
  }
  connection_->outputReady();
}

void ServerConnection::raw(std::string_view bytes) {
  flush();
  connection_->output().append(bytes);
  connection_->outputReady();
}

void ServerConnection::goAway(int32_t last_stream, uint32_t code) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last_stream, code, nullptr, 0);
  flush();
}

void ServerConnection::consume(int32_t stream, size_t bytes) {
  nghttp2_session_consume(session_, stream, bytes);
}

// ScriptedServer

ScriptedServer::ScriptedServer(network::IoContext& io, const ServerOptions& server_options,
                               TransportMaker transport)
    : options(server_options), io_(io), transport_(std::move(transport)) {
  listen(0);
}

ScriptedServer::~ScriptedServer() = default;

void ScriptedServer::listen(uint16_t port) {
  listening_ = base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ::setsockopt(listening_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  auto* const generic = reinterpret_cast<sockaddr*>(&name);
  ASSERT_EQ(::bind(listening_.get(), generic, size), 0) << std::strerror(errno);
  ASSERT_EQ(::listen(listening_.get(), 16), 0);
  ::getsockname(listening_.get(), generic, &size);
  address_ = network::Address::fromSockaddr(generic, size);
  setAccepting(true);
}

void ScriptedServer::setAccepting(bool accepting) {
  watcher_.reset();
  if (!accepting) return;
  watcher_ = io_.dispatcher().createFdWatcher(listening_.get(), *this);
  watcher_->watch({.readable = true});
}

void ScriptedServer::stopListening() {
  watcher_.reset();
  listening_.reset();
}

void ScriptedServer::listenAgain() {
  listen(address_.port());
}

void ScriptedServer::onFdReady(event::FdEvents) {
  const int fd = ::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  auto transport = transport_ ? transport_() : nullptr;
  auto accepted = network::Connection::accepted(io_, fd, address_, nullptr, std::move(transport));
  connections_.push_back(std::make_unique<ServerConnection>(std::move(accepted), options,
                                                            [this](ServerStream& stream) {
                                                              if (on_request) on_request(stream);
                                                            }));
}

std::vector<ServerStream*> ScriptedServer::streams() {
  std::vector<ServerStream*> out;
  for (const auto& connection : connections_) {
    for (ServerStream* stream : connection->streams()) out.push_back(stream);
  }
  return out;
}

}  // namespace weir::grpc::test
