//! The commands that a mail offers, for the stack that it is about. Pure.
//! It must not know failures.

/// A stack, as commands name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commands<'a> {
    pub(crate) stack: &'a str,
    pub(crate) region: &'a str,
}

impl Commands<'_> {
    /// Sends every event of the dead-letter queue back to the ingest queue.
    pub(crate) fn replay(&self) -> String {
        format!("lakegate replay {} --send", self.where_it_is())
    }

    /// Tells what became of files.
    pub(crate) fn status(&self) -> String {
        format!("lakegate status {}", self.where_it_is())
    }

    /// Runs a function at once, for one dataset or for all of them. A run may last for as long as a function may: the AWS CLI would give
    /// up after a minute, and invoke it once more. A name that is no word would end the quotes.
    pub(crate) fn invoke(&self, function: &str, dataset: Option<&str>) -> String {
        let payload = dataset.map_or_else(|| "{}".to_owned(), |dataset| format!("{{\"dataset\": \"{dataset}\"}}"));
        let Self { stack, region } = self;
        format!(
            "aws lambda invoke --function-name {stack}-{function} --region {region} --cli-binary-format raw-in-base64-out --cli-read-timeout 0 --payload '{payload}' /dev/stdout"
        )
    }

    fn where_it_is(&self) -> String {
        format!("--stack {} --region {}", self.stack, self.region)
    }
}
