#include "test/http/recorded_chain.h"

namespace weir::http {
namespace {

void print(const HeaderMap& fields, std::string& to) {
  fields.forEach([&](const HeaderMap::Field& field) {
    to.append(field.name).append(": ").append(field.value).append("\n");
  });
}

}  // namespace

BareChain::BareChain(ResponseSink& client)
    : chain{{.request = request_head,
             .response = response_head,
             .request_trailers = request_trailers,
             .response_trailers = response_trailers,
             .info = info,
             .arena = arena,
             .dispatcher = dispatcher,
             .blocks = blocks},
            client} {}

void BareChain::sendBody(std::string_view bytes, bool end) {
  buffer::Buffer data(blocks);
  data.append(bytes);
  chain.requestBody(data, end);
}

void BareChain::clear() {
  chain.end();
  chain.clear();
  request_trailers.clear();
  response_trailers.clear();
  request_head.clear();
  response_head.clear();
  arena.clear();
  info = {};
}

void ClientSide::sendHead(ResponseHead& head, bool end) {
  status = head.status;
  framing = head.framing;
  content_length = head.content_length;
  ended = end;
  if (!record) return;
  reason = head.reason;
  print(head.headers, headers);
}

void ClientSide::sendBody(buffer::Buffer& data, bool end) {
  if (record) body += data.toString();
  data.clear();
  ended = end;
}

void ClientSide::sendTrailers(HeaderMap& fields) {
  if (record) print(fields, trailers);
  trailing = ended = true;
}

void RecordedChain::answerTrailers(Fields fields) {
  for (const auto& [name, value] : fields) response_trailers.add(name, value);
  chain.respondTrailers();
}

}  // namespace weir::http
