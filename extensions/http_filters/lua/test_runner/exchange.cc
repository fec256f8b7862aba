#include "extensions/http_filters/lua/test_runner/exchange.h"

#include <utility>

namespace weir::extensions::http_filters::lua::test_runner {
namespace {

void addFields(const FieldList& from, http::HeaderMap& to) {
  for (const auto& [name, value] : from) to.add(name, value);
}

void copyFields(const http::HeaderMap& from, FieldList& to) {
  from.forEach([&to](const http::HeaderMap::Field& field) {
    to.emplace_back(std::string(field.name), std::string(field.value));
  });
}

void take(buffer::Buffer& data, bool end_stream, Seen& to) {
  to.body += data.toString();
  data.clear();
  to.ended = end_stream;
}

}  // namespace

Exchange::Exchange(World& world, LoadedScript& script, RequestSpec spec)
    : world_(world),
      script_(script),
      spec_(std::move(spec)),
      failures_before_(world.failures(script)),
      chain_({.request = request_,
              .response = response_,
              .request_trailers = request_trailers_,
              .response_trailers = response_trailers_,
              .info = info_,
              .arena = arena_,
              .dispatcher = world.dispatcher,
              .blocks = world.blocks},
             *this) {
  info_.start_time = world.dispatcher.systemNow();
  info_.started = world.dispatcher.now();
  if (spec_.remote) info_.downstream_remote = info_.downstream_direct = &*spec_.remote;
  if (spec_.local) info_.downstream_local = &*spec_.local;
  info_.downstream_tls = spec_.security.get();
  if (spec_.security != nullptr) info_.requested_server_name = spec_.security->server_name;
  request_.method = request_.arena.copy(spec_.method);
  request_.path = request_.arena.copy(spec_.path);
  request_.authority = request_.arena.copy(spec_.authority);
  request_.scheme = request_.arena.copy(spec_.scheme);
  request_.version = spec_.http2 ? http::Version::kHttp2 : http::Version::kHttp11;
  addFields(spec_.fields, request_.headers);
  if (http::HttpFilter* const filter = script.worker->create(arena_)) chain_.addFilter(*filter);
  chain_.setTerminal(*this);
  chain_.askRouteForFilters();
}

Exchange::~Exchange() {
  chain_.end();
  chain_.clear();
}

// ---- the client ---------------------------------------------------------------------------------

void Exchange::begin(bool end_stream) {
  request_.framing = end_stream ? http::BodyFraming::kNone : http::BodyFraming::kChunked;
  chain_.requestHead(end_stream);
}

void Exchange::sendRequestBody(std::string_view bytes, bool end_stream) {
  buffer::Buffer data(world_.blocks);
  data.append(bytes);
  chain_.requestBody(data, end_stream);
}

void Exchange::sendRequestTrailers(const FieldList& fields) {
  addFields(fields, request_trailers_);
  chain_.requestTrailers();
}

void Exchange::sendHead(http::ResponseHead& head, bool end_stream) {
  client_.head = true;
  client_.status = head.status;
  copyFields(head.headers, client_.fields);
  client_.ended = end_stream;
}

void Exchange::sendBody(buffer::Buffer& data, bool end_stream) {
  take(data, end_stream, client_);
}

void Exchange::sendTrailers(http::HeaderMap& trailers) {
  client_.ended = client_.trailing = true;
  copyFields(trailers, client_.trailers);
}

void Exchange::sendReset(const http::StreamError& error) {
  reset_ = error.detail();
}

// ---- the upstream -------------------------------------------------------------------------------

void Exchange::onRequestHead(http::RequestHead& head, bool end_stream) {
  upstream_.head = true;
  upstream_.method = std::string(head.method);
  upstream_.path = std::string(head.path);
  upstream_.authority = std::string(head.authority);
  upstream_.scheme = std::string(head.scheme);
  copyFields(head.headers, upstream_.fields);
  upstream_.ended = end_stream;
}

void Exchange::onRequestBody(buffer::Buffer& data, bool end_stream) {
  take(data, end_stream, upstream_);
}

void Exchange::onRequestTrailers(http::HeaderMap& trailers) {
  upstream_.ended = upstream_.trailing = true;
  copyFields(trailers, upstream_.trailers);
}

void Exchange::beginAnswer(uint16_t status, const FieldList& fields, bool known_length,
                           size_t length, bool end_stream) {
  if (ended_ || client_.head) return;
  response_.clear();
  response_.status = status;
  response_.framing =
      end_stream || !known_length ? http::BodyFraming::kChunked : http::BodyFraming::kContentLength;
  if (end_stream) response_.framing = http::BodyFraming::kNone;
  response_.content_length = length;
  addFields(fields, response_.headers);
  chain_.respondHead(end_stream);
}

void Exchange::sendAnswerBody(std::string_view bytes, bool end_stream) {
  if (ended_) return;
  buffer::Buffer data(world_.blocks);
  data.append(bytes);
  chain_.respondBody(data, end_stream);
}

void Exchange::sendAnswerTrailers(const FieldList& fields) {
  if (ended_) return;
  addFields(fields, response_trailers_);
  chain_.respondTrailers();
}

}  // namespace weir::extensions::http_filters::lua::test_runner
