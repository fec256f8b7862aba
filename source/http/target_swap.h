#pragma once

#include <string_view>

#include "source/http/message.h"
#include "source/http/stream_info.h"

namespace weir::http {

// As long as it lives, the head has the target and host that endpoints are asked for; afterwards
// again those of the client. Around whatever writes the head to an endpoint. Worker-confined.
class TargetSwap {
 public:
  TargetSwap(RequestHead& head, const StreamInfo& info)
      : head_(head), path_(head.path), authority_(head.authority) {
    if (!info.upstream_path.empty()) head.path = info.upstream_path;
    if (info.upstream_authority.empty()) return;
    host_changed_ = head.headers.has(HeaderId::kHost);
    host_ = head.headers.get(HeaderId::kHost);
    head.authority = info.upstream_authority;
    if (host_changed_) head.headers.setView(HeaderId::kHost, info.upstream_authority);
  }
  ~TargetSwap() {
    head_.path = path_;
    head_.authority = authority_;
    if (host_changed_) head_.headers.setView(HeaderId::kHost, host_);
  }
  TargetSwap(const TargetSwap&) = delete;
  TargetSwap& operator=(const TargetSwap&) = delete;

 private:
  RequestHead& head_;
  const std::string_view path_;
  const std::string_view authority_;
  std::string_view host_;
  bool host_changed_ = false;
};

}  // namespace weir::http
