#include "extensions/transport_sockets/common/material_watch.h"

#include <algorithm>
#include <set>

#include "extensions/transport_sockets/common/x509_text.h"
#include "source/base/concat.h"
#include "source/base/log.h"

namespace weir::extensions::transport_sockets {
namespace {

constexpr std::string_view kArea = "tls";

int64_t secondsUntil(event::SystemTime end, event::SystemTime now) {
  return std::chrono::floor<std::chrono::seconds>(end - now).count();
}

}  // namespace

MaterialWatch::MaterialWatch(MaterialStore& store, base::ServiceMap& services)
    : store_(store),
      dispatcher_(services.get<event::Dispatcher>()),
      stats_(services.get<stats::Store>(), services.get<stats::Block>()),
      pairs_(store.certificates_.size()) {
  std::vector<std::string> paths;
  for (const auto& [path, identity] : store_.identities_) paths.push_back(path);
  if (!paths.empty()) {
    auto& watcher = services.shared<event::FileWatcher>(
        [this] { return std::make_shared<event::FileWatcher>(dispatcher_); });
    handle_ = watcher.watch(
        std::move(paths), [this](const std::vector<std::string>& changed) { onChanged(changed); });
  }
  timer_ = dispatcher_.createTimer([this] { onTick(); });
  timer_->start(kTick);
  catchUp();
  updateStats();
}

// What has changed between reading and watching.
void MaterialWatch::catchUp() {
  std::vector<std::string> changed;
  for (const auto& [path, identity] : store_.identities_) {
    if (event::fileIdentity(path) != identity) changed.push_back(path);
  }
  if (!changed.empty()) onChanged(changed);
}

void MaterialWatch::onChanged(const std::vector<std::string>& changed) {
  const std::set<std::string_view> paths(changed.begin(), changed.end());
  const auto has = [&paths](const std::string& path) { return paths.find(path) != paths.end(); };
  bool fresh = false;
  for (size_t i = 0; i < pairs_.size(); ++i) {
    const CertificateFiles& files = store_.files_.certificates[i];
    if (has(files.certificate) || has(files.key)) {
      pairs_[i].pair.clear();
      fresh |= reloadPair(i);
    }
    if (has(files.ocsp)) {
      pairs_[i].ocsp.clear();
      fresh |= reloadOcsp(i, false);
    }
  }
  if (const auto& trust = store_.files_.trust) {
    if (std::any_of(trust->ca_files.begin(), trust->ca_files.end(), has) ||
        std::any_of(trust->crl_files.begin(), trust->crl_files.end(), has) ||
        (trust->system && has(systemTrustFile()))) {
      trust_refusal_.clear();
      fresh |= reloadTrust();
    }
  }
  if (const auto& tickets = store_.files_.tickets; tickets && has(tickets->file)) {
    tickets_refusal_.clear();
    reloadTickets();
  }
  if (fresh) store_.publish();
  updateStats();
}

void MaterialWatch::onTick() {
  timer_->start(kTick);
  bool fresh = false;
  for (size_t i = 0; i < pairs_.size(); ++i) {
    if (!pairs_[i].pair.empty()) fresh |= reloadPair(i);
    if (!pairs_[i].ocsp.empty()) fresh |= reloadOcsp(i, false);
  }
  if (!trust_refusal_.empty()) fresh |= reloadTrust();
  if (!tickets_refusal_.empty()) reloadTickets();
  if (fresh) store_.publish();
  if (store_.tickets_ != nullptr && store_.tickets_->rotateIfDue(dispatcher_.systemNow())) {
    base::log::debug(kArea, store_.files_.context, ": a new session ticket key, ",
                     store_.tickets_->keyCount(), " in use");
  }
  updateStats();
}

bool MaterialWatch::reloadPair(size_t index) {
  PairState& state = pairs_[index];
  ServedCertificate& served = store_.certificates_[index];
  auto pair = CertificatePair::load(served.pair->files(), dispatcher_.systemNow());
  if (!pair.ok()) {
    refuse(state.pair, "certificate", pair.status());
    return false;
  }
  const bool other = (*pair)->fingerprint() != served.pair->fingerprint();
  served.pair = *std::move(pair);
  state.warned_days = std::numeric_limits<int64_t>::max();
  accept(state.pair, "certificate",
         base::concat(served.pair->files().certificate, ": ", subjectText(served.pair->leaf()),
                      " until ", timeText(served.pair->notAfter()), ", sha256 ",
                      served.pair->fingerprint()));
  for (const std::string& warning : served.pair->warnings()) base::log::warning(kArea, warning);
  if (other) reloadOcsp(index, true);
  return true;
}

bool MaterialWatch::reloadOcsp(size_t index, bool other_certificate) {
  ServedCertificate& served = store_.certificates_[index];
  const std::string& path = served.pair->files().ocsp;
  if (path.empty()) return false;
  const event::SystemTime now = dispatcher_.systemNow();
  auto ocsp = OcspResponse::load(path, served.pair->leaf(), served.pair->issuer(), now);
  if (!ocsp.ok()) {
    refuse(pairs_[index].ocsp, "ocsp", ocsp.status());
    // What is there is about the certificate that went.
    if (other_certificate) served.ocsp = nullptr;
    return other_certificate;
  }
  served.ocsp = *std::move(ocsp);
  accept(pairs_[index].ocsp, "ocsp",
         base::concat(path, ": until ", timeText(served.ocsp->nextUpdate()),
                      served.ocsp->fresh(now) ? "" : ", which has passed: it is not stapled"));
  return true;
}

bool MaterialWatch::reloadTrust() {
  auto trust = TrustStore::load(*store_.files_.trust, dispatcher_.systemNow());
  if (!trust.ok()) {
    refuse(trust_refusal_, "trust", trust.status());
    return false;
  }
  store_.trust_ = *std::move(trust);
  accept(trust_refusal_, "trust",
         base::concat(store_.trust_->authorityCount(), " certificate authorities"));
  for (const std::string& warning : store_.trust_->warnings()) base::log::warning(kArea, warning);
  return true;
}

void MaterialWatch::reloadTickets() {
  const absl::Status status = store_.tickets_->reload(dispatcher_.systemNow());
  if (!status.ok()) return refuse(tickets_refusal_, "tickets", status);
  accept(tickets_refusal_, "tickets",
         base::concat(store_.tickets_->keyCount(), " keys, sealing with ",
                      store_.tickets_->names().front()));
}

void MaterialWatch::accept(Refusal& refusal, std::string_view what, std::string_view message) {
  refusal.clear();
  stats_.countReload(what, true);
  base::log::info(kArea, store_.files_.context, ": new ", what, ": ", message);
}

void MaterialWatch::refuse(Refusal& refusal, std::string_view what, const absl::Status& status) {
  if (base::view(status.message()) == refusal) return;
  refusal = std::string(base::view(status.message()));
  stats_.countReload(what, false);
  base::log::error(kArea, store_.files_.context, ": the old ", what, " stays: ", refusal);
}

void MaterialWatch::updateStats() {
  const event::SystemTime now = dispatcher_.systemNow();
  for (size_t i = 0; i < pairs_.size(); ++i) {
    const ServedCertificate& served = store_.certificates_[i];
    const std::string& path = served.pair->files().certificate;
    const int64_t days = daysUntil(served.pair->notAfter(), now);
    stats_.setCertificateDays(path, days);
    warnOfEnd(i, days);
    if (served.ocsp == nullptr) continue;
    stats_.setOcspSeconds(path, secondsUntil(served.ocsp->nextUpdate(), now));
  }
  const std::string& context = store_.files_.context;
  if (const auto& trust = store_.trust_) {
    if (trust->notAfter()) stats_.setTrustDays(context, daysUntil(*trust->notAfter(), now));
    if (trust->crlNextUpdate()) {
      stats_.setCrlSeconds(context, secondsUntil(*trust->crlNextUpdate(), now));
    }
  }
  if (const auto& tickets = store_.tickets_) {
    stats_.setTicketKeyAge(context, tickets->age(now).count());
  }
}

void MaterialWatch::warnOfEnd(size_t index, int64_t days) {
  if (days > kWarnDays || days >= pairs_[index].warned_days) return;
  pairs_[index].warned_days = days;
  const CertificatePair& pair = *store_.certificates_[index].pair;
  base::log::warning(kArea, pair.files().certificate, days < 0 ? ": has ended on " : ": ends on ",
                     timeText(pair.notAfter()), "; renew it");
}

}  // namespace weir::extensions::transport_sockets
