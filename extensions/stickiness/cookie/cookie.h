#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/stickiness/cookie/attributes.h"
#include "extensions/stickiness/cookie/cookie_seal.h"
#include "extensions/stickiness/cookie/issued_cookies.h"
#include "source/http/header_map.h"
#include "source/upstream/load_balancer.h"
#include "source/upstream/stickiness.h"

namespace weir::extensions::stickiness::cookie {

struct Options {
  Attributes attributes = {};
  std::vector<std::string> keys = {};  // the first one signs
  std::string cluster = {};
  bool pass_on = false;               // the endpoint sees the cookie
  bool allow_shared_caching = false;  // answers with the cookie are not marked private
};

// What the request's cookies of that name say: of the first few, the one that holds. Nothing when
// none does, or two that do name different endpoints.
std::optional<CookieContent> readCookies(const http::HeaderMap& headers, std::string_view name,
                                         const CookieSeal& seal, uint32_t now);

// Takes all cookies of that name out of the request.
void removeCookies(http::HeaderMap& headers, std::string_view name);

// Immutable.
class CookieFactory final : public upstream::StickinessFactory {
 public:
  explicit CookieFactory(const Options& options);
  std::string_view name() const override { return "cookie"; }
  std::string fingerprint() const override { return fingerprint_; }
  std::unique_ptr<upstream::Stickiness> create(
      const upstream::StickinessContext& context) const override;

  const Attributes& attributes() const { return attributes_; }
  const CookieSeal& seal() const { return seal_; }
  const std::string& text() const { return text_; }  // behind the value
  bool passesOn() const { return pass_on_; }
  bool allowsSharedCaching() const { return allow_shared_caching_; }

 private:
  const Attributes attributes_;
  const CookieSeal seal_;
  const std::string text_;
  const std::string fingerprint_;
  const bool pass_on_;
  const bool allow_shared_caching_;
};

// Clients carry a cookie that names their endpoint. Worker-confined.
class CookieStickiness final : public upstream::Stickiness {
 public:
  // `factory` and `cluster` outlive it.
  CookieStickiness(const CookieFactory& factory, std::shared_ptr<IssuedCookies> issued,
                   upstream::WorkerCluster& cluster);

  upstream::StickyAnswer find(const upstream::PickContext& context,
                              upstream::StickyRequest& request) override;
  void onSend(upstream::StickyRequest& request, http::RequestHead& head) override;
  void onAnswer(const upstream::PickContext& context, upstream::StickyRequest& request,
                const upstream::StickyHost& host, http::ResponseHead& head) override;

 private:
  bool isDue(const upstream::StickyRequest& request, uint32_t now) const;
  void issue(const upstream::StickyHost& host, uint32_t now, http::ResponseHead& head) const;
  uint32_t now() const;

  const CookieFactory& factory_;
  const std::shared_ptr<IssuedCookies> issued_;
  upstream::WorkerCluster& cluster_;
};

}  // namespace weir::extensions::stickiness::cookie
