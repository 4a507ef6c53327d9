/// The version of this program. `version()` in SQL, `apus --version` and the metrics show the same.
package enum ApusVersion {
  package static let text = "0.1.0"
}
