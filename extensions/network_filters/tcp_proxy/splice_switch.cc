#include "extensions/network_filters/tcp_proxy/splice_switch.h"

namespace weir::extensions::network_filters::tcp_proxy {

void SpliceSwitch::allow(network::Connection& source, network::Connection& target) {
  source_ = &source;
  target_ = &target;
}

void SpliceSwitch::start() {
  if (splicer_ != nullptr || source_->remoteEnded()) return;
  little_ = 0;
  // None when there are no pipes: then the next read asks again.
  splicer_ = network::Splicer::start(*source_, *target_, network::Splicer::kUntilEnd, *this);
}

void SpliceSwitch::stop() {
  source_ = target_ = nullptr;
  splicer_.reset();
}

void SpliceSwitch::onSpliced(uint64_t count) {
  little_ = count < kLittle ? little_ + 1 : 0;
  if (little_ >= kPatience && splicer_->empty()) splicer_.reset();
  owner_.onSpliced(*this, count);
}

void SpliceSwitch::onSpliceDone() {
  splicer_.reset();
  owner_.onSpliceEnded(*this);
}

}  // namespace weir::extensions::network_filters::tcp_proxy
