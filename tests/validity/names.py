"""How students call things: one set of names for each habit of naming. The pieces say ``$net`` and the like."""

from collections.abc import Mapping

KEYS = (
    "net Net opt sched crit train valid x y out loss epoch epochs log losses checked xt yt xv yv".split()  # noqa: SIM905
)


def _names(text: str) -> Mapping[str, str]:
    return dict(zip(KEYS, text.split(), strict=True))


NAMES: Mapping[str, Mapping[str, str]] = {
    "usual": _names(
        "model Net optimizer scheduler criterion train_loader val_loader x y out loss epoch n_epochs history losses "
        "val_losses X_train y_train X_val y_val"
    ),
    "course": _names(
        "model FCNet optimiser scheduler loss_func train_loader valid_loader batch targets preds loss epoch epochs "
        "metrics losses valid_losses train_x train_y valid_x valid_y"
    ),
    "short": _names(
        "net N opt sch lf tr va xb yb z l e EPOCHS rows ls vls Xt yt Xv yv",
    ),
    "long": _names(
        "network NeuralNetwork weight_optimizer learning_rate_schedule loss_function training_batches "
        "validation_batches inputs labels outputs batch_loss epoch_number number_of_epochs results training_losses "
        "validation_losses training_inputs training_labels validation_inputs validation_labels"
    ),
    "french": _names(
        "reseau Reseau optimiseur planning perte_fn lots_train lots_valid entree cible sortie perte ep n_ep suivi "
        "pertes pertes_valid x_app y_app x_val y_val"
    ),
    "letters": _names("f F_ o s c A B a b h L i n H J K P q R t"),
}
