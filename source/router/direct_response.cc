#include "source/router/direct_response.h"

#include <string>
#include <string_view>

#include "source/buffer/buffer.h"
#include "source/http/format.h"
#include "source/http/grpc_semantics.h"
#include "source/http/semantics.h"

namespace weir::router {
namespace {

constexpr size_t kMaxFormattedBytes = 64 * 1024;

}  // namespace

void respondDirectly(http::FilterChain& chain, const DirectResponseAction& action) {
  http::FilterChainContext& context = chain.context();
  constexpr std::string_view kDetail = "direct_response";
  thread_local std::string formatted;  // keeps its capacity
  std::string_view text = action.body;
  if (action.format != nullptr) {
    formatted.clear();
    action.format->appendRaw(
        {context.request, context.response, context.response_trailers, context.info}, formatted);
    text = std::string_view(formatted).substr(0, kMaxFormattedBytes);
  }
  if (http::isGrpc(context.request.headers)) {
    return chain.localReply({.status = action.status, .body = text, .detail = kDetail});
  }
  http::ResponseHead& head = context.response;
  head.clear();
  head.status = action.status;
  context.info.detail = kDetail;
  const bool bodiless = http::statusHasNoBody(action.status);
  if (!bodiless) {
    head.framing = http::BodyFraming::kContentLength;
    head.content_length = text.size();
    if (!text.empty()) head.headers.add(http::HeaderId::kContentType, action.content_type);
  }
  if (bodiless || text.empty() || context.request.isHead()) return chain.respondHead(true);
  buffer::Buffer body(context.blocks);
  body.append(text);
  chain.respondHead(false);
  chain.respondBody(body, true);
}

}  // namespace weir::router
