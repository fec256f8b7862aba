#include "source/router/http_calls.h"

namespace weir::router {

HttpCallHandle::HttpCallHandle(PendingHttpCall& call) : call_(&call) {
  call.handle_ = this;
}

HttpCallHandle::HttpCallHandle(HttpCallHandle&& other) noexcept
    : call_(std::exchange(other.call_, nullptr)) {
  if (call_ != nullptr) call_->handle_ = this;
}

HttpCallHandle& HttpCallHandle::operator=(HttpCallHandle&& other) noexcept {
  if (this == &other) return *this;
  cancel();
  call_ = std::exchange(other.call_, nullptr);
  if (call_ != nullptr) call_->handle_ = this;
  return *this;
}

void HttpCallHandle::cancel() {
  PendingHttpCall* const call = std::exchange(call_, nullptr);
  if (call == nullptr) return;
  call->handle_ = nullptr;
  call->onCancel();
}

void PendingHttpCall::detach() {
  if (HttpCallHandle* const handle = std::exchange(handle_, nullptr)) handle->call_ = nullptr;
}

}  // namespace weir::router
