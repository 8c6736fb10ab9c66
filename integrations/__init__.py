"""Who else knows: outbound webhooks through an outbox."""
