//! Environment variables, read once at cold start, with every missing one named at once.
//! It must not know which variables a function needs.

use std::collections::BTreeMap;

/// Another address for S3 alone, as the AWS CLI has it.
pub(crate) const S3_ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL_S3";

/// The environment of a process, as it stood when it was read, and what was asked of it in vain.
#[derive(Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    missing: Vec<String>,
    malformed: Vec<String>,
}

/// Variables that a function needs and does not have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problems}; infra/template.yaml sets them on the deployed function, export them before running it by hand")]
pub struct SettingsError {
    problems: String,
}

/// What every client needs to know. It may hold credentials, so it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsSettings {
    /// The region, `eu-central-1`.
    pub region: String,
    /// Another address for every service, as for a local AWS; plain HTTP is allowed only here.
    pub endpoint_url: Option<String>,
    /// Every `AWS_…` variable that is not empty, for the object store, which looks for its credentials in them.
    pub variables: BTreeMap<String, String>,
}

impl AwsSettings {
    /// Another address for S3: its own one (`AWS_ENDPOINT_URL_S3`, as the AWS CLI has it), else the one for every service.
    #[must_use]
    pub fn s3_endpoint_url(&self) -> Option<&str> {
        self.variables.get(S3_ENDPOINT_VARIABLE).or(self.endpoint_url.as_ref()).map(String::as_str)
    }
}

impl Environment {
    /// Takes a copy of the process's environment.
    #[must_use]
    pub fn of_process() -> Self {
        Self { variables: std::env::vars().collect(), ..Self::default() }
    }

    /// A variable's value; an unset or empty one is remembered for [`Environment::finish`].
    pub fn required(&mut self, name: &str) -> String {
        if let Some(value) = self.optional(name) {
            return value;
        }
        self.missing.push(name.to_owned());
        String::new()
    }

    /// A variable's value as a number of bytes.
    pub fn required_bytes(&mut self, name: &str) -> u64 {
        let Some(value) = self.optional(name) else {
            self.missing.push(name.to_owned());
            return 0;
        };
        value.parse().unwrap_or_else(|_| {
            self.malformed.push(format!("{name} is {value:?}, not a number of bytes"));
            0
        })
    }

    /// A variable's value, if it is set and not empty.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// The value that one of a few words stands for; `default` where the variable is unset or empty.
    pub fn choice<T: Copy>(&mut self, name: &str, words: &[(&str, T)], default: T) -> T {
        let Some(value) = self.optional(name) else { return default };
        let chosen = words.iter().find(|(word, _)| *word == value);
        chosen.map_or_else(
            || {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                self.malformed.push(format!("{name} is {value:?}, not {}", words.join(" or ")));
                default
            },
            |(_, choice)| *choice,
        )
    }

    /// What the clients need, from the variables that Lambda itself sets.
    pub fn aws(&mut self) -> AwsSettings {
        let mut variables = self.variables.clone();
        variables.retain(|name, value| name.starts_with("AWS_") && !value.is_empty());
        AwsSettings { region: self.required("AWS_REGION"), endpoint_url: self.optional("AWS_ENDPOINT_URL"), variables }
    }

    /// Gives the settings out only when nothing was missing.
    ///
    /// # Errors
    ///
    /// Everything that was missing or not to be understood.
    pub fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        let mut problems = self.malformed;
        if !self.missing.is_empty() {
            problems.insert(0, format!("missing environment variables: {}", self.missing.join(", ")));
        }
        if problems.is_empty() { Ok(settings) } else { Err(SettingsError { problems: problems.join("; ") }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_variable_is_named_in_one_line() {
        let mut environment = Environment::default();
        environment.variables.insert("HEAVY_BYTES".to_owned(), "many".to_owned());
        environment.variables.insert("LAKE_BUCKET".to_owned(), String::new());
        let settings =
            (environment.required("LAKE_BUCKET"), environment.required_bytes("HEAVY_BYTES"), environment.aws());
        let error = environment.finish(settings).map(|_| ()).unwrap_err();
        insta::assert_snapshot!(error, @r#"missing environment variables: LAKE_BUCKET, AWS_REGION; HEAVY_BYTES is "many", not a number of bytes; infra/template.yaml sets them on the deployed function, export them before running it by hand"#);
    }

    #[test]
    fn a_choice_is_one_of_its_words_or_the_default() {
        let chosen = |value: &str| {
            let mut environment = Environment::default();
            environment.variables.insert("MODE".to_owned(), value.to_owned());
            let choice = environment.choice("MODE", &[("slow", 1), ("fast", 2)], 1);
            environment.finish(choice).map_err(|error| error.problems)
        };
        assert_eq!((chosen(""), chosen("slow"), chosen("fast")), (Ok(1), Ok(1), Ok(2)));
        assert_eq!(chosen("Fast").unwrap_err(), "MODE is \"Fast\", not slow or fast");
    }

    #[test]
    fn s3_may_have_an_address_of_its_own() {
        let endpoints = |given: &[(&str, &str)]| {
            let mut environment = Environment::default();
            environment.variables.extend(given.iter().map(|(name, url)| ((*name).to_owned(), (*url).to_owned())));
            environment.aws().s3_endpoint_url().map(str::to_owned)
        };
        let (all, s3) = (("AWS_ENDPOINT_URL", "http://all"), (S3_ENDPOINT_VARIABLE, "http://s3"));
        assert_eq!(endpoints(&[]), None);
        assert_eq!(endpoints(&[all]).as_deref(), Some("http://all"));
        assert_eq!(endpoints(&[all, s3]).as_deref(), Some("http://s3"));
    }

    #[test]
    fn settings_are_given_out_when_all_is_there() {
        let mut environment = Environment::default();
        environment.variables.insert("AWS_REGION".to_owned(), "eu-central-1".to_owned());
        let aws = environment.aws();
        let aws = environment.finish(aws).unwrap();
        assert_eq!((aws.region.as_str(), aws.endpoint_url), ("eu-central-1", None));
    }
}
