#include "source/router/direct_response.h"

#include <string_view>

#include "source/buffer/buffer.h"
#include "source/http/grpc_semantics.h"
#include "source/http/semantics.h"

namespace weir::router {

void respondDirectly(http::FilterChain& chain, const DirectResponseAction& action) {
  http::FilterChainContext& context = chain.context();
  constexpr std::string_view kDetail = "direct_response";
  if (http::isGrpc(context.request.headers)) {
    return chain.localReply({.status = action.status, .body = action.body, .detail = kDetail});
  }
  http::ResponseHead& head = context.response;
  head.clear();
  head.status = action.status;
  context.info.detail = kDetail;
  const bool bodiless = http::statusHasNoBody(action.status);
  if (!bodiless) {
    head.framing = http::BodyFraming::kContentLength;
    head.content_length = action.body.size();
    if (!action.body.empty()) head.headers.add(http::HeaderId::kContentType, action.content_type);
  }
  if (bodiless || action.body.empty() || context.request.isHead()) return chain.respondHead(true);
  buffer::Buffer body(context.blocks);
  body.append(action.body);
  chain.respondHead(false);
  chain.respondBody(body, true);
}

}  // namespace weir::router
